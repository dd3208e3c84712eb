# SPDX-License-Identifier: Apache-2.0
"""A plan: parameter groups laid over their parameters' shapes, as text for the engine."""

from __future__ import annotations

import functools
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from steepest import _options, _shared
from steepest._library import ops
from steepest._numbers import read_rate
from steepest._options import Group
from steepest._rates import role_of
from steepest._shared import ALONE, Processes

# What the plan is made of; the rest is read at every step.
_PLANNED = (*_options.OF_PLAN, *_options.LAYOUT, "role", "roles", "layouts")
_VALUES = (str, int, float, tuple, type(None), torch.dtype)


def _snapshot_of(value: Any) -> Any:
    """A group's value as it is now, to be compared later: lists and tensors may change in place."""
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, _VALUES) else repr(value)


def signature(groups: list[Group]) -> Any:
    """A value that stays equal as long as the plan of the groups need not be made again.

    It changes with the parameters' identities, shapes and dtypes, their names, and the options of
    which a plan is made; not with rates, which are read at every step.
    """
    return [
        (
            [(id(p), p.shape, p.dtype) for p in group["params"]],
            _snapshot_of(group.get("param_names")),
            _momentum_signature(group.get("momentum")),
            [_snapshot_of(group.get(key)) for key in _PLANNED],
            _betas_signature(group),
        )
        for group in groups
    ]


def _momentum_signature(momentum: Any) -> Any:
    """What the plan takes from a group's momentum: whether it is above 0, and so has a buffer.

    A value that is no float is told by its text, as it is yet to be read.
    """
    return momentum > 0 if isinstance(momentum, float) else repr(momentum)


def _betas_signature(group: Group) -> tuple[float, ...]:
    """What the plan takes from a group's betas: both of Lion's, which make a look-ahead.

    Not Adam's first, which is the momentum; Adam's groups have torch's amsgrad.
    """
    betas = tuple(group.get("betas", ()))
    return betas[1:] if "amsgrad" in group else betas


class _Placed(NamedTuple):
    """A parameter's name, and where it stands."""

    group: int
    place: int  # in the group
    name: str


def parameter_names(groups: list[Group]) -> list[str]:
    """A name of its own for each parameter, of an optimizer's groups or of a state_dict's.

    Two networks may use one name: it is then qualified by its group, and by its place where the
    group has it twice. Raises ValueError where a group has names for some only, or that is taken,
    too.
    """
    placed = [
        _Placed(number, index, str(name))
        for number, group in enumerate(groups)
        for index, name in enumerate(_names_in_group(number, group))
    ]
    unique = _qualified(placed)
    twice = next((name for name, count in Counter(unique).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f'param_names: received "{twice}" for two parameters, allowed for one')
    return unique


def _names_in_group(number: int, group: Group) -> list[Any]:
    """A group's param_names; without any, "2.0", "2.1", .. where ``number``, the group's, is 2.

    Raises ValueError unless there is one for each parameter.
    """
    names, count = group.get("param_names"), len(group["params"])
    if names is None:
        return [f"{number}.{index}" for index in range(count)]
    if len(names) != count:
        raise ValueError(
            f"param_groups[{number}]: param_names: received {len(names)} names, allowed one for "
            f"each of its {count} parameters: add to both lists"
        )
    return list(names)


def _qualified(placed: list[_Placed]) -> list[str]:
    """Returns the names; those that occur more than once begin with their group, or also index.

    ``placed`` has the group's number, the index in it and the name of each parameter.
    """
    everywhere = Counter(one.name for one in placed)
    in_group = Counter((one.group, one.name) for one in placed)
    names = []
    for group, index, name in placed:
        if everywhere[name] == 1:
            names.append(name)
        elif in_group[group, name] == 1:
            names.append(f"param_groups[{group}].{name}")
        else:
            names.append(f"param_groups[{group}].params[{index}].{name}")
    return names


class Rates(NamedTuple):
    """What schedulers may change from step to step, of each of the engine's groups."""

    lr: list[float]
    weight_decay: list[float]
    momentum: list[float]


@dataclass(frozen=True)
class Plan:
    """Parameter groups laid over their parameters' shapes, as the engine has planned them.

    The engine has a group of its own, a side, for each role that occurs in a parameter group.
    Lists of each parameter are in the order of the groups; see docs/glossary.md for the leaves.
    """

    text: str  # JSON, which the operators read
    sides: list[tuple[int, str]]  # of each of the engine's groups: param group and role
    names: list[str]  # of the parameters
    side_of: list[int]  # of each parameter: its index in sides
    state: list[list[str]]  # names of each parameter's state tensors
    shaped: list[set[str]]  # those of the parameter's own shape
    leaves: list[list[int]]  # of each parameter: its leaves in the tree of the outer norm
    leaf_count: int
    recipe: dict[str, Any]  # all choices: the network's, and those of matrix and backup
    shared: bool  # whether processes share the parameters
    fingerprint: int  # of all that must be equal on processes that share them
    table: str  # the plan for a person to read

    @functools.cached_property
    def mixed(self) -> set[int]:
        """The numbers of the parameter groups that hold matrices and others.

        They have two entries in ``sides``, which has one for each group and role.
        """
        numbers = [number for number, _ in self.sides]
        return {number for number in numbers if numbers.count(number) > 1}

    def rates(self, groups: list[Group]) -> Rates:
        """Returns this step's lr, weight decay and momentum, each a list in the order of ``sides``.

        ``groups`` are the optimizer's, with SteepestDescent's keys. A group of both roles has two
        of the engine's: the backup's lr there is lr times backup_lr_ratio.
        """
        rates = Rates([], [], [])
        for index, role in self.sides:
            group = groups[index]
            lr, decay = read_rate("lr", group["lr"]), group["weight_decay"]
            if role == "backup" and index in self.mixed:  # beside matrices
                lr *= read_rate("backup_lr_ratio", group["backup_lr_ratio"])
                own = group["backup_weight_decay"]
                decay = decay if own is None else own
            rates.lr.append(lr)
            rates.weight_decay.append(read_rate("weight_decay", decay))
            rates.momentum.append(_options.side_momentum(group, role))
        return rates

    def check_rates(self, groups: list[Group]) -> None:
        """Raises ValueError where the engine's step would refuse a learning rate or a weight decay.

        ``groups`` are the optimizer's, with SteepestDescent's keys. Each step looks again.
        """
        lrs, decays, _ = self.rates(groups)
        for (index, _), lr, decay in zip(self.sides, lrs, decays):
            _options.check_number(f"param_groups[{index}]: lr", lr, 0)
            _options.check_number(f"param_groups[{index}]: weight_decay", decay, 0)
        ops.check_rates(self.text, lrs, decays)


def _without_rank(text: str) -> str:
    """A plan's text without what differs between the processes that share its parameters."""
    return re.sub(r'"rank": \d+', "", text, count=1)


def first_of(role: str, sides: Iterable[tuple[int, str]]) -> int:
    """The number of the first parameter group with parameters of ``role``; 0 where none has any.

    The plan's recipe shows that group's options as those of the role. ``sides`` are the engine's
    groups, each a parameter group's number and a role: see Plan.
    """
    return next((number for number, its in sides if its == role), 0)


def make_plan(name: str, groups: list[Group], processes: Processes = ALONE) -> Plan:
    """Makes the plan of an optimizer's groups, which have SteepestDescent's keys and plain values.

    The engine is told the recipe, the options of each group and role that differ from it, and the
    shape and layout of each parameter; it answers with the state that each will have. ``name``
    begins its messages. Where processes share the parameters, see _shared, the plan is of what
    this one holds. Raises ValueError, TypeError or RuntimeError naming what does not fit.
    """
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
                options = _options.side_overrides(group, role)
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
        engine_groups = [
            {"role": "matrix", "options": _options.side_overrides(groups[0], "matrix")}
        ]
    recipe = groups[0]["recipe"]
    sharing = None if processes.ignored else _shared.sharing(groups, names, processes)
    text = json.dumps(
        {
            **({} if sharing is None else {"sharing": sharing}),
            "recipe": "" if recipe == _options.SPELT_OUT else recipe,
            "name": name,
            "options": _options.network_overrides(groups),
            "sides": {
                role: _options.side_overrides(groups[first_of(role, sides)], role)
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
        shared=sharing is not None,
        fingerprint=zlib.crc32(_without_rank(text).encode()),
        table=layout["table"],
    )
