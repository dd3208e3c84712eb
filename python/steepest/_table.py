# SPDX-License-Identifier: Apache-2.0
"""The engine's table of options, and what this face spells in a way of its own.

All but what stands by hand below follows from the table: an option that the engine gets is a
keyword, a group key, and a choice of checkpoints here without an edit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from steepest._library import ops


@dataclass(frozen=True)
class Option:
    """A row of steepest/options/options.h."""

    name: str
    scope: str  # network, both, momentum, matrix or backup
    side: str  # its name within a side of the recipe: of backup_lr, lr
    type: str  # bool, int, float, text, floats or ints
    help: str
    default: Any
    names: list[str]
    examples: list[str]
    number_too: bool
    may_change: str  # never, in_state_dict, in_file or in_run
    may_be_open: bool
    later: bool
    range: tuple[Any, ...] = ()

    @property
    def is_dtype(self) -> bool:
        """Whether its values, text in the table, name dtypes: Python takes torch.dtype as well."""
        return "bfloat16" in self.names

    @property
    def initial(self) -> Any:
        """The value that a group has unless the user gives one.

        None where that leaves the choice to another option or to the engine.
        """
        if self.name in _INITIAL:
            return _INITIAL[self.name]
        return None if self.may_be_open or self.scope == "backup" else self.default


# A network of plain choices has Adam on what is no matrix. The second moment is of backup_betas.
_INITIAL = {
    **{"backup": "ada_inf", "backup_radius": "none", "backup_eps": 1e-8},
    **{"beta2": None, "eps": None},
}

OPTIONS: dict[str, Option] = {row["name"]: Option(**row) for row in json.loads(ops.options())}

# Read at every step, not planned.
RATES = ("lr", "weight_decay", "backup_lr", "backup_weight_decay")


def of_scope(*scopes: str) -> tuple[str, ...]:
    """The names of the options of these scopes (see Option), in the table's order.

    Learning rates and weight decays (RATES) are left out: they are read at every step.
    """
    return tuple(o.name for o in OPTIONS.values() if o.scope in scopes and o.name not in RATES)


def of_type(*types: str) -> tuple[str, ...]:
    """The names of the options of these types: the table's types, and "dtype" for those of dtypes.

    Those that take text or a number are left out: see EITHER.
    """
    kinds = {o.name: "dtype" if o.is_dtype else o.type for o in OPTIONS.values()}
    return tuple(name for name, kind in kinds.items() if kind in types and name not in EITHER)


EITHER = tuple(o.name for o in OPTIONS.values() if o.number_too)
NETWORK = of_scope("network")
MOMENTUM = of_scope("momentum")
SIDES = of_scope("both", "momentum", "matrix")
BACKUP = of_scope("backup")

# A key that every group has, but those that 0.1 has saved.
SINCE_0_2 = "backup_start"

# None means "the default" or "none".
OPTIONAL = {o.name for o in OPTIONS.values() if o.initial is None}

# The choices that may differ between a saved state and the optimizer that loads it: where it comes
# from a file, and where it is a state_dict, which brings its own along. See MayChange.
FREE = {"paper", "equation"} | {
    o.side for o in OPTIONS.values() if o.may_change in ("in_file", "in_run")
}
BROUGHT = FREE | {o.side for o in OPTIONS.values() if o.may_change == "in_state_dict"}


def unmentioned(key: str) -> Any:
    """The value that a file means which has no ``key`` among its choices.

    It is the default of an option that the format got later, which no older file can have, and else
    None.
    """
    option = OPTIONS.get(key)
    return option.default if option and option.later else None


# -- this face's own spelling ----------------------------------------------------------------------

# (momentum, beta2) of the backup with Adam's form, bias_correction its start; f_star may be "auto".
ADAPTERS: dict[str, Any] = {"backup_betas": None, "bias_correction": False}
ADAPTER_TYPES = {
    "backup_betas": "tuple[float, float] | None",
    "bias_correction": "bool",
    "f_star": "float | str",
}
# torch's flags, which every class has.
FLAGS: dict[str, Any] = {
    **{"maximize": False, "capturable": False, "differentiable": False},
    "fused": None,
}


def signature() -> dict[str, Any]:
    """The keyword options of SteepestDescent behind lr, with their defaults."""
    named = {o.name: o.initial for o in OPTIONS.values() if o.name != "lr"}
    return {**named, **ADAPTERS, **FLAGS, "process_group": None, "wire": None}


def annotation(name: str) -> str:
    """The type annotation of a keyword option, as it stands in source: "float | None"."""
    if name in ADAPTER_TYPES:
        return ADAPTER_TYPES[name]
    if name not in OPTIONS:
        others = {
            "process_group": "Any",
            "fused": "bool | None",
            "wire": "torch.dtype | str | None",
        }
        return others.get(name, "bool")
    option = OPTIONS[name]
    plain = {"text": "str", "floats": "list[float]", "ints": "list[int]"}
    spelt = "str | float" if option.number_too else plain.get(option.type, option.type)
    if option.is_dtype:
        spelt = "torch.dtype | str"
    return spelt + (" | None" if option.initial is None else "")
