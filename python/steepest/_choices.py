# SPDX-License-Identifier: Apache-2.0
"""Which choices say what a state means, and which are rates that a load takes from the file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from steepest import _options, _table
from steepest._options import Group
from steepest._plan import Plan

# Group keys by which a state_dict of torch's class of the same name is known.
TORCH = {
    "muon": ("Muon", ("momentum", "nesterov", "ns_coefficients", "ns_steps")),
    "adam": ("Adam", ("betas", "eps", "amsgrad")),
    "adamw": ("AdamW", ("betas", "eps", "amsgrad")),
    "sgd": ("SGD", ("momentum", "dampening", "nesterov")),
}


def base(recipe: str) -> str:
    """The recipe without Momo, which is the choice step_size."""
    return recipe.removesuffix("-momo")


def show(value: Any) -> str:
    """As JSON prints it, in one line."""
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def compare(received: Any, allowed: dict[str, Any], free: set[str], path: str = "") -> None:
    """ValueError with the first choice that differs, in the words of snapshot.cpp."""
    for key, value in allowed.items():
        if key in free:
            continue
        found = _table.unmentioned(key)
        found = received.get(key, found) if isinstance(received, dict) else None
        if isinstance(value, dict):
            compare(found, value, free, f"{path}{key}.")
        elif found != value:
            raise ValueError(
                f"{path}{key}: received {show(found)}, allowed the optimizer's {show(value)}"
            )
    for key in received if isinstance(received, dict) else ():
        if key not in allowed:
            raise ValueError(f'choices: received "{path}{key}", which this version does not know')


def _plain(options: Group) -> dict[str, Any]:
    return json.loads(json.dumps(options, default=str))


def compare_groups(plan: Plan, received: list[Group], allowed: list[Group]) -> None:
    """ValueError with the first choice by which a state_dict's groups differ from the optimizer's.

    Both lists are canonical and have the same roles. The choices of the whole network are compared
    first, then those of each group's sides. What a state_dict may change is passed over.
    """
    network = [_plain(_options.network_options(groups)) for groups in (received, allowed)]
    compare(network[0], network[1], _table.BROUGHT)
    for index, role in plan.sides:
        sides = [_plain(_options.side_options(g[index], role)) for g in (received, allowed)]
        keys = {key: sides[1].get(key) for key in (*sides[1], *sides[0])}
        compare(sides[0], keys, _table.BROUGHT, f"param_groups[{index}]: {role}.")


def known(group: Group) -> bool:
    """Whether a saved group is of this package rather than of torch."""
    return "recipe" in group


def check_recipe(groups: list[Group], own: str) -> None:
    """ValueError unless every saved group is of the recipe, or of torch's class of its name."""
    for index, group in enumerate(groups):
        if known(group):
            if base(group["recipe"]) != base(own):
                raise ValueError(f"recipe: received {group['recipe']}, allowed {own}")
            continue
        if base(own) not in TORCH:
            raise ValueError(
                f"recipe: received none, allowed {own}: load_torch_state takes the momentum of "
                "torch's optimizers"
            )
        name, keys = TORCH[base(own)]
        for key in keys:
            if key not in group:
                raise ValueError(
                    f"param_groups[{index}]: received no {key}, allowed a state_dict of {own} or "
                    f"of torch.optim.{name}"
                )


def differing(groups: list[Group], skip: set[str]) -> Iterator[str]:
    """Keys on which saved groups do not agree."""
    first = groups[0]
    for other in groups[1:]:
        for key in sorted(first.keys() | other.keys()):
            if key not in skip and _plain({"": first.get(key)}) != _plain({"": other.get(key)}):
                yield key
