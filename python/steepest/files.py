# SPDX-License-Identifier: Apache-2.0
"""An optimizer's state as a safetensors file: the one that C++ programs and the trainer write."""

from __future__ import annotations

import json
from os import PathLike, fspath
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._engine import Engine
from steepest._library import ops

_FORMAT = "steepest-optimizer-1"
_MODEL = ("loss_average", "weight", "f_star")


def _rates(optimizer: Engine) -> list[dict[str, float]]:
    groups = []
    for group in optimizer.param_groups:
        decay = float(group["weight_decay"])
        own = group["backup_weight_decay"]
        groups.append(
            {
                "lr": float(group["lr"]),
                "lr_ratio": group["lr_ratio"],
                "backup_ratio": group["backup_lr_ratio"],
                "weight_decay": decay,
                "backup_weight_decay": decay if own is None else float(own),
            }
        )
    return groups


def save(optimizer: Engine, path: str | PathLike[str]) -> None:
    """Writes state and rates, atomically, with checksums; readable without this package.

    Keys are ``state.<parameter>.<name>`` and ``global.<name>``. A C++ ``steepest::load`` into an
    optimizer of the same recipe, names and groups goes on with it. Raises RuntimeError naming the
    file where it cannot be written; the file that was there is then unchanged.
    """
    plan = optimizer._plan()
    named: dict[str, Tensor] = {}
    for index, param in enumerate(optimizer._params()):
        entry = optimizer.state.get(param)
        if not entry or float(entry["step"]) == 0:
            continue
        for key in ("step", *plan.state[index]):
            named[f"state.{plan.names[index]}.{key}"] = entry[key].detach()
    first = optimizer.param_groups[0]
    steps = [entry["step"] for entry in optimizer.state.values() if "step" in entry]
    count = first["momo_step"] if optimizer._momo() else max(steps, default=torch.zeros(()))
    named["global.step"] = count.clone()
    named["global.skipped"] = torch.zeros((), dtype=torch.int64)
    if optimizer._momo() and float(count) > 0:
        named |= {f"global.{key}": first["momo"][i].clone() for i, key in enumerate(_MODEL)}
    metadata = {
        "format": _FORMAT,
        "recipe": plan.recipe["name"],
        "choices": json.dumps(plan.recipe),
        "groups": json.dumps(_rates(optimizer)),
    }
    ops.save_file(fspath(path), list(named.values()), list(named), json.dumps(metadata))


def _refuse(path: str, what: str, received: object, allowed: object) -> None:
    raise ValueError(f"{path}: {what}: received {received}, allowed {allowed}")


def load(optimizer: Engine, path: str | PathLike[str]) -> None:
    """Loads what :func:`save`, a C++ program or the trainer has written.

    Raises ValueError, and changes nothing, where recipe, groups, names or shapes do not fit;
    RuntimeError where the file is damaged, naming it and the place.
    """
    name = fspath(path)
    tensors, keys, text = ops.load_file(name)
    found, metadata = dict(zip(keys, tensors)), json.loads(text)
    plan = optimizer._plan()
    if metadata.get("format") != _FORMAT:
        _refuse(name, "format", metadata.get("format"), _FORMAT)
    if metadata.get("recipe") != plan.recipe["name"]:
        _refuse(name, "recipe", metadata.get("recipe"), plan.recipe["name"])
    rates = json.loads(metadata["groups"])
    if len(rates) != len(optimizer.param_groups):
        _refuse(name, "groups", len(rates), len(optimizer.param_groups))
    states = _read_states(name, found, plan, list(optimizer._params()))
    used = {f"state.{plan.names[i]}.{key}" for i, entry in states.items() for key in entry}
    for key in found:
        if key.startswith("state.") and key not in used:
            raise ValueError(f"{name}: received {key}, which no parameter of this optimizer has")
    _apply(optimizer, states, rates, found)


def _read_states(
    name: str, found: dict[str, Tensor], plan: Any, params: list[Tensor]
) -> dict[int, dict[str, Tensor]]:
    states: dict[int, dict[str, Tensor]] = {}
    for index, param in enumerate(params):
        prefix = f"state.{plan.names[index]}."
        if prefix + "step" not in found:
            continue
        states[index] = {"step": found[prefix + "step"].to(_state.scalar_dtype())}
        for key in plan.state[index]:
            if prefix + key not in found:
                raise ValueError(f"{name}: received no {prefix}{key}")
            value = found[prefix + key]
            if key in _state.SHAPED and value.shape != param.shape:
                _refuse(name, prefix + key, tuple(value.shape), tuple(param.shape))
            states[index][key] = value.to(param.device)
    return states


def _apply(
    optimizer: Engine,
    states: dict[int, dict[str, Tensor]],
    rates: list[dict[str, float]],
    found: dict[str, Tensor],
) -> None:
    optimizer.state.clear()
    for index, param in enumerate(optimizer._params()):
        if index in states:
            optimizer.state[param] = states[index]
    for group, saved in zip(optimizer.param_groups, rates):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(saved["lr"])
        else:
            group["lr"] = saved["lr"]
        group["lr_ratio"], group["backup_lr_ratio"] = saved["lr_ratio"], saved["backup_ratio"]
        group["weight_decay"] = saved["weight_decay"]
        group["backup_weight_decay"] = saved["backup_weight_decay"]
    if not optimizer._momo():
        return
    first = optimizer.param_groups[0]
    first["momo_step"].fill_(float(found["global.step"]))
    for i, key in enumerate(_MODEL):
        if f"global.{key}" in found:
            first["momo"][i] = found[f"global.{key}"]
