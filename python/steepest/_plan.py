# SPDX-License-Identifier: Apache-2.0
"""A plan: parameter groups laid over their parameters' shapes, as text for the engine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steepest import _options
from steepest._library import ops
from steepest._numbers import now
from steepest._options import Group

# What the plan is made of; the rest is read at every step.
_PLANNED = (*_options.OF_PLAN, *_options.LAYOUT, "role", "roles", "layouts")
_VALUES = (str, int, float, tuple, type(None), torch.dtype)


def _frozen(value: Any) -> Any:
    """A value as it is now: lists and tensors may change in place."""
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, _VALUES) else repr(value)


def signature(groups: list[Group]) -> Any:
    """Equal for groups whose plan is the same, and whose parameters are the same tensors."""
    return [
        (
            [(id(p), p.shape, p.dtype) for p in group["params"]],
            _frozen(group.get("param_names")),
            _has_momentum(group.get("momentum")),
            [_frozen(group.get(key)) for key in _PLANNED],
            tuple(group.get("betas", ()))[1:],  # the first is the momentum
        )
        for group in groups
    ]


def _has_momentum(value: Any) -> Any:
    return value > 0 if isinstance(value, float) else repr(value)


def parameter_names(groups: list[Group]) -> list[str]:
    """A name of its own for each parameter, of an optimizer's groups or of a state_dict's.

    Two networks may use one name: it is then qualified by its group, and by its place where the
    group has it twice. ValueError where a group has names for some only, or that is taken, too.
    """
    names: list[tuple[int, int, str]] = []
    for number, group in enumerate(groups):
        own = group.get("param_names")
        count = len(group["params"])
        if own is not None and len(own) != count:
            raise ValueError(
                f"param_groups[{number}]: param_names: received {len(own)} names, allowed one for "
                f"each of its {count} parameters: add to both lists"
            )
        given = own if own is not None else [f"{number}.{index}" for index in range(count)]
        names += [(number, index, str(name)) for index, name in enumerate(given)]
    everywhere = Counter(name for _, _, name in names)
    in_group = Counter((number, name) for number, _, name in names)
    unique = [
        name
        if everywhere[name] == 1
        else f"param_groups[{number}].{name}"
        if in_group[number, name] == 1
        else f"param_groups[{number}].params[{index}].{name}"
        for number, index, name in names
    ]
    twice = next((name for name, count in Counter(unique).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f'param_names: received "{twice}" for two parameters, allowed for one')
    return unique


@dataclass(frozen=True)
class Plan:
    text: str
    sides: list[tuple[int, str]]  # of each of the engine's groups: param group and role
    names: list[str]  # of the parameters
    side_of: list[int]  # of each parameter
    state: list[list[str]]  # names of each parameter's state tensors
    shaped: list[set[str]]  # those of the parameter's own shape
    leaves: list[list[int]]  # of each parameter
    leaf_count: int
    recipe: dict[str, Any]
    table: str

    def rates(self, groups: list[Group]) -> tuple[list[float], list[float], list[float]]:
        """Learning rate, weight decay and momentum of each of the engine's groups, now."""
        lrs, decays, momenta = [], [], []
        for index, role in self.sides:
            group = groups[index]
            mixed = role == "backup" and group["role"] is None
            ratio = group["backup_lr_ratio"] if mixed else group["lr_ratio"]
            own = group["backup_weight_decay"] if mixed else None
            lrs.append(now("lr", group["lr"]) * now("lr_ratio", ratio))
            decays.append(now("weight_decay", group["weight_decay"] if own is None else own))
            momenta.append(_options.side_momentum(group, role))
        return lrs, decays, momenta

    def check_rates(self, groups: list[Group]) -> None:
        """ValueError where a rate is negative or not finite; each step looks again."""
        lrs, decays, _ = self.rates(groups)
        for (index, _), lr, decay in zip(self.sides, lrs, decays):
            _options.check_number(f"param_groups[{index}]: lr", lr, 0)
            _options.check_number(f"param_groups[{index}]: weight_decay", decay, 0)


def role_of(group: Group, index: int, param: Tensor) -> str:
    if group["role"] is not None:
        return group["role"]
    if group["roles"] is not None and index < len(group["roles"]):
        return group["roles"][index]
    return "matrix" if param.dim() == 2 else "backup"


def first_of(role: str, sides: Iterable[tuple[int, str]]) -> int:
    """The parameter group that speaks for a side of the network: the first of its role, if any."""
    return next((number for number, its in sides if its == role), 0)


def make_plan(name: str, groups: list[Group]) -> Plan:
    """Raises ValueError naming the group or the parameter that does not fit."""
    sides: dict[tuple[int, str], int] = {}
    engine_groups: list[Group] = []
    params: list[Group] = []
    names = parameter_names(groups)
    for number, group in enumerate(groups):
        for index, param in enumerate(group["params"]):
            role = role_of(group, index, param)
            if role not in ("matrix", "backup"):
                raise ValueError(
                    f'param_groups[{number}]: role: received "{role}", allowed matrix, backup'
                )
            if (number, role) not in sides:
                sides[number, role] = len(sides)
                options = _options.said(group, role)
                engine_groups.append({"role": role, "options": options})
            params.append(
                {
                    "name": names[len(params)],
                    "shape": list(param.shape),
                    "group": sides[number, role],
                    **_options.view_of(group, index),
                }
            )
    if not params:
        engine_groups = [{"role": "matrix", "options": _options.said(groups[0], "matrix")}]
    recipe = groups[0]["recipe"]
    text = json.dumps(
        {
            "recipe": "" if recipe == _options.SPELT_OUT else recipe,
            "name": name,
            "options": _options.said_of_network(groups),
            "sides": {
                role: _options.said(groups[first_of(role, sides)], role)
                for role in ("matrix", "backup")
            },
            "groups": engine_groups,
            "params": params,
        }
    )
    layout = json.loads(ops.layout(text))
    return Plan(
        text=text,
        sides=list(sides),
        names=names,
        side_of=[p["group"] for p in params],
        state=layout["state"],
        shaped=[set(names) for names in layout["shaped"]],
        leaves=layout["leaves"],
        leaf_count=layout["leaf_count"],
        recipe=layout["recipe"],
        table=layout["table"],
    )
