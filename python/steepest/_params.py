# SPDX-License-Identifier: Apache-2.0
"""What a constructor and add_param_group are given as parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from steepest._foreign import foreign_role
from steepest._options import LAYOUT, PLAIN, Group
from steepest._say import warn
from steepest._tensors import Named, check_each


def as_params(params: Any) -> Any:
    """The constructor's ``params`` as torch's constructor takes them: a module becomes its routes.

    Frozen parameters of a module are in its routes, too: torch trains what is unfrozen later.
    Raises TypeError for a dict, TypeError or ValueError for a parameter that cannot be trained.
    """
    if isinstance(params, Mapping):
        group = "params" in params
        raise TypeError(
            f"params: received a {type(params).__name__}, allowed tensors, pairs, groups or a "
            f"module: write {'[group] for a single group' if group else '.items() behind it'}"
        )
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


def listed(params: Any) -> Any:
    """The constructor's ``params`` as they are, but a list where they can be read only once."""
    return list(params) if isinstance(params, Iterator) else params


def is_bare(params: Any) -> bool:
    """Whether nothing but their shapes says what the constructor's ``params`` are, as in torch.

    That is not so where they are a module, have names, or are in groups with roles.
    """
    if isinstance(params, (torch.nn.Module, str)) or not isinstance(params, Iterable):
        return False
    if isinstance(params, Tensor):
        return True
    groups = [item for item in params if isinstance(item, Mapping)]
    inside = [item for group in groups for item in _items(group.get("params"))]
    said = any(group.get("role") or foreign_role(dict(group)) for group in groups)
    return not said and not any(_is_pair(item) for item in [*params, *inside])


def _items(params: Any) -> list[Any]:
    """The items of a group's params, which may be one tensor; [] where they can be read once."""
    several = isinstance(params, Iterable) and not isinstance(params, (Tensor, Iterator))
    return list(params) if several else []


def take_params(group: Group) -> None:
    """Replaces group["params"], one tensor or any iterable, by a list without repetitions.

    The items are tensors or (name, tensor) pairs. Repetitions are warned of; TypeError or
    ValueError where a tensor cannot be trained, or the group has no params.
    """
    if "params" not in group:
        keys = ", ".join(str(key) for key in group) or "no key"
        raise ValueError(f'group: received {keys}, allowed a group with the key "params"')
    params = group["params"]
    if isinstance(params, Tensor):
        group["params"] = [params]
    if isinstance(params, (Tensor, set, str)) or not isinstance(params, Iterable):
        return  # torch takes the first and refuses the others in its own words
    params = list(params)
    unique: dict[int, Any] = {}
    for item in params:
        unique.setdefault(id(_tensor_of(item)), item)
    if len(unique) < len(params):
        warn(
            "optimizer contains a parameter group with duplicate parameters: "
            f"{len(params) - len(unique)} of {len(params)} stand there again and are trained once"
        )
    group["params"] = params = list(unique.values())
    check_each(named_of(params))


def _is_pair(item: Any) -> bool:
    """Whether an item of params may be a (name, tensor) pair rather than a tensor."""
    return isinstance(item, tuple) and len(item) == 2


def _tensor_of(item: Any) -> Any:
    """The tensor of an item of params, which is a tensor or a (name, tensor) pair."""
    return item[1] if _is_pair(item) else item


def named_of(params: list[Any]) -> Named:
    """Pairs of a name for messages and a tensor, from a list of tensors or (name, tensor) pairs."""
    return [
        (str(item[0]), item[1]) if _is_pair(item) else (f"parameter {index}", item)
        for index, item in enumerate(params)
    ]


def route_by_name(group: Group) -> None:
    """Sets "roles" and "layouts" in a group of (name, tensor) pairs, as the rules judge the names.

    A group of bare tensors is left as it is.
    """
    params = group.get("params")
    if not isinstance(params, list) or not params or not all(_is_pair(p) for p in params):
        return
    from steepest.route import route

    routes = [routed for network in _networks(params) for routed in route(network, frozen=True)]
    _set_places(group, routes)


def _networks(pairs: Named) -> list[Named]:
    """Splits the pairs of several networks: a name that comes again begins the next one."""
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
    """Replaces a new group's bare tensors by pairs with their names in the optimizer's ``module``.

    Others are named by the group's ``number`` and their index. Where the group has no role and one
    of them is the module's, "roles" and "layouts" are set as the module is routed.
    """
    params = group.get("params")
    if not isinstance(params, list) or not all(isinstance(p, Tensor) for p in params):
        return
    names = {id(p): name for name, p in module.named_parameters()}
    group["params"] = [(names.get(id(p), f"{number}.{i}"), p) for i, p in enumerate(params)]
    if group["role"] is not None or not any(id(p) in names for p in params):
        return
    from steepest.route import route

    _set_places(group, route(module, frozen=True))


def _set_places(group: Group, routes: Iterable[Group]) -> None:
    """Sets "roles" and "layouts" of a group of pairs as ``routes``, the groups of route(), say.

    A parameter that is not in the routes has the role of its number of dimensions.
    """
    route_of = {id(tensor): routed for routed in routes for _, tensor in routed["params"]}
    routed_params = [(p, route_of.get(id(p))) for _, p in group["params"]]
    group["roles"] = [
        routed["role"] if routed else _role_by_shape(p) for p, routed in routed_params
    ]
    if not any(key in group for key in LAYOUT):  # else they are the caller's own
        _set_layouts(group, [routed for _, routed in routed_params])


def _set_layouts(group: Group, routes: list[Group | None]) -> None:
    """Sets "layouts" of a group from the route of each parameter, unless all have the default."""
    layouts = [{key: routed[key] for key in LAYOUT} if routed else {} for routed in routes]
    plain = {key: PLAIN[key] for key in LAYOUT}
    if any(layout not in ({}, plain) for layout in layouts):
        group["layouts"] = layouts


def _role_by_shape(tensor: Tensor) -> str:
    """The role of a parameter of which nothing but the shape is known."""
    return "matrix" if tensor.dim() == 2 else "backup"


# The keys of a group that list something for each of its parameters.
OF_PARAMS = ("params", "param_names", "roles", "layouts")


def without(group: Group, taken: set[int]) -> Group:
    """What a group lists for each parameter, by key, without the parameters ``taken`` (their ids).

    The group itself is not changed.
    """
    kept = [i for i, p in enumerate(group["params"]) if id(p) not in taken]
    lists = {key: group[key] for key in OF_PARAMS if group.get(key)}
    return {key: [values[i] for i in kept] for key, values in lists.items()}
