# SPDX-License-Identifier: Apache-2.0
"""What a constructor is given as parameters."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from steepest._options import LAYOUT, PLAIN, Group


def as_params(params: Any) -> Any:
    """What torch's constructor takes; modules and routed groups become groups."""
    if isinstance(params, torch.nn.Module):
        from steepest.route import route

        params = route(params)
    if isinstance(params, (Tensor, set, dict)) or not isinstance(params, Iterable):
        return params  # torch refuses these in its own words
    params = list(params)
    if params and isinstance(params[0], dict):
        tensors = [t for group in params for t in _tensors(group.get("params", ()))]
    else:
        tensors = list(_tensors(params))
    for name, tensor in tensors:
        _check_tensor(name, tensor)
    _warn_of_shapes(params)
    return params


def route_by_name(group: dict[str, Any]) -> None:
    """Gives a group of (name, tensor) pairs its parameters' roles and layouts; others none."""
    params = group.get("params")
    if isinstance(params, (Tensor, set)) or not isinstance(params, Iterable):
        return
    group["params"] = params = list(params)
    if not params or not all(isinstance(p, tuple) and len(p) == 2 for p in params):
        return
    from steepest.route import route

    routed = {name: found for found in route(params) for name, _ in found["params"]}
    group["roles"] = [routed[n]["role"] if n in routed else "backup" for n, _ in params]
    if any(key in group for key in LAYOUT):
        return  # the caller's own
    layouts = [{key: routed[n][key] for key in LAYOUT} if n in routed else {} for n, _ in params]
    plain = {key: PLAIN[key] for key in LAYOUT}
    if any(layout not in ({}, plain) for layout in layouts):
        group["layouts"] = layouts


def _tensors(params: Any) -> Iterator[tuple[str, Any]]:
    params = [params] if isinstance(params, Tensor) else params
    for index, item in enumerate(params):
        if isinstance(item, tuple) and len(item) == 2:
            yield str(item[0]), item[1]
        else:
            yield f"parameter {index}", item


def _check_tensor(name: str, tensor: Any) -> None:
    if not isinstance(tensor, Tensor):
        return  # torch says it
    if type(tensor).__name__ == "DTensor":
        raise TypeError(
            f"{name}: received a DTensor, allowed a local tensor: no sharded training yet"
        )
    if not tensor.is_floating_point():
        raise TypeError(f"{name}: received {tensor.dtype}, allowed a real floating dtype")
    if tensor.layout != torch.strided:
        raise TypeError(f"{name}: received {tensor.layout}, allowed a dense tensor")


def _warn_of_shapes(params: list[Any]) -> None:
    """Bare tensors say nothing of what they are; two shapes are suspicious."""
    for item in params:
        if not isinstance(item, Tensor) or item.dim() != 2:
            continue
        rows, columns = item.shape
        if 1 in (rows, columns) or (rows >= 8192 and rows > 4 * columns):
            warnings.warn(
                f"steepest: a bare tensor of shape {rows} x {columns} is taken as a matrix, but "
                "looks like an embedding or a head: give the module or names to have it routed",
                stacklevel=4,
            )
            return


def alien_role(group: Group) -> str | None:
    """The role that another library's group key asks for."""
    if "use_muon" in group:  # Jordan, DeepSpeed, timm
        return "matrix" if group["use_muon"] else "backup"
    if "use_fallback" in group:  # timm
        return "backup" if group["use_fallback"] else "matrix"
    if "algorithm" in group:  # dion
        known = {"muon": "matrix", "adamw": "backup", "adam": "backup"}
        if group["algorithm"] not in known:
            raise ValueError(
                f'algorithm: received "{group["algorithm"]}", allowed {", ".join(known)}'
            )
        return known[group["algorithm"]]
    return None


# What schedulers and torch itself write into groups.
_FOREIGN = {"params", "param_names", "name", "use_muon", "use_fallback", "algorithm", "initial_lr"}
_FOREIGN |= {"max_lr", "min_lr", "base_momentum", "max_momentum", "swa_lr"}


def understand(group: Group, defaults: Group, own: tuple[str, ...], name: str) -> None:
    """AdamW's betas and eps in a group mean the backup's; a key without a meaning is warned of."""
    if "betas" in group and "betas" not in own:
        group["backup_betas"] = tuple(group.pop("betas"))
    if "eps" in group and "betas" not in own and group["role"] == "backup":
        group["backup_eps"] = group.pop("eps")
    unknown = [key for key in group if key not in defaults and key not in _FOREIGN]
    if unknown:
        warnings.warn(
            f'{name}: group key "{unknown[0]}": received a value, but there is no such option: it '
            "has no effect",
            stacklevel=5,
        )
