# SPDX-License-Identifier: Apache-2.0
"""What a constructor and add_param_group are given as parameters."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from steepest._options import LAYOUT, PLAIN, Group
from steepest._say import warn
from steepest._tensors import Named, check_each


def as_params(params: Any) -> Any:
    """What torch's constructor takes, for which a module is routed.

    Parameters that are frozen now have a place, too: torch trains what is unfrozen later.
    """
    if not isinstance(params, torch.nn.Module):
        return params
    from steepest.route import route

    routes = route(params, frozen=True)
    placed = {id(tensor) for group in routes for _, tensor in group["params"]}
    left: Named = [
        (n, p) for n, p in params.named_parameters() if p.requires_grad and id(p) not in placed
    ]
    check_each(left)  # what trains and has no place is of a wrong dtype
    return routes


def take_params(group: Group) -> None:
    """Makes a list of a group's params, whatever they are, without what stands there twice."""
    params = group.get("params")
    if isinstance(params, Tensor):
        group["params"] = [params]
    if isinstance(params, (Tensor, set, str)) or not isinstance(params, Iterable):
        return  # torch takes the first and refuses the others in its own words
    params = list(params)
    unique: dict[int, Any] = {}
    for item in params:
        unique.setdefault(id(_tensor(item)), item)
    if len(unique) < len(params):
        warn(
            "optimizer contains a parameter group with duplicate parameters: "
            f"{len(params) - len(unique)} of {len(params)} stand there again and are trained once"
        )
    group["params"] = params = list(unique.values())
    check_each(named_of(params))


def _pair(item: Any) -> bool:
    return isinstance(item, tuple) and len(item) == 2


def _tensor(item: Any) -> Any:
    return item[1] if _pair(item) else item


def named_of(params: list[Any]) -> Named:
    """Every parameter with a name for messages."""
    return [
        (str(item[0]), item[1]) if _pair(item) else (f"parameter {index}", item)
        for index, item in enumerate(params)
    ]


def route_by_name(group: Group) -> None:
    """Gives a group of (name, tensor) pairs its parameters' roles and layouts; others none."""
    params = group.get("params")
    if not isinstance(params, list) or not params or not all(_pair(p) for p in params):
        return
    from steepest.route import route

    _place(group, [found for net in _networks(params) for found in route(net, frozen=True)])


def _networks(pairs: Named) -> list[Named]:
    """Pairs of one network each: a name that comes again begins the next."""
    networks: list[Named] = [[]]
    seen: set[str] = set()
    for name, tensor in pairs:
        if name in seen:
            networks.append([])
            seen.clear()
        seen.add(name)
        networks[-1].append((name, tensor))
    return networks


def name_from_module(group: Group, module: torch.nn.Module, number: int) -> None:
    """Gives bare tensors their names in a module that was routed, and what it says of them."""
    params = group.get("params")
    if not isinstance(params, list) or not all(isinstance(p, Tensor) for p in params):
        return
    names = {id(p): name for name, p in module.named_parameters()}
    group["params"] = [(names.get(id(p), f"{number}.{i}"), p) for i, p in enumerate(params)]
    if group["role"] is not None or not any(id(p) in names for p in params):
        return
    from steepest.route import route

    _place(group, route(module, frozen=True))


def _place(group: Group, routes: Iterable[Group]) -> None:
    """Roles and layouts of a group's pairs; by dimensions where the routes do not know one."""
    routed = {id(tensor): found for found in routes for _, tensor in found["params"]}
    known = [(p, routed.get(id(p))) for _, p in group["params"]]
    group["roles"] = [found["role"] if found else _by_shape(p) for p, found in known]
    if not any(key in group for key in LAYOUT):  # else they are the caller's own
        _set_layouts(group, [found for _, found in known])


def _set_layouts(group: Group, known: list[Group | None]) -> None:
    layouts = [{key: found[key] for key in LAYOUT} if found else {} for found in known]
    plain = {key: PLAIN[key] for key in LAYOUT}
    if any(layout not in ({}, plain) for layout in layouts):
        group["layouts"] = layouts


def _by_shape(tensor: Tensor) -> str:
    return "matrix" if tensor.dim() == 2 else "backup"


OF_PARAMS = ("params", "param_names", "roles", "layouts")


def without(group: Group, taken: set[int]) -> Group:
    """The group's lists of one entry a parameter, without those whose id is in ``taken``."""
    kept = [i for i, p in enumerate(group["params"]) if id(p) not in taken]
    lists = {key: group[key] for key in OF_PARAMS if group.get(key)}
    return {key: [values[i] for i in kept] for key, values in lists.items()}
