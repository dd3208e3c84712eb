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


def without_momo(recipe: str) -> str:
    """A recipe's name without "-momo": that choice is compared as the option step_size."""
    return recipe.removesuffix("-momo")


def show(value: Any) -> str:
    """A value for a message: as JSON prints it, cut to 80 characters."""
    text = json.dumps(value)
    return text if len(text) <= 80 else text[:77] + "..."


def compare_choices(received: Any, allowed: dict[str, Any], free: set[str], path: str = "") -> None:
    """Raises ValueError naming a choice in which a saved recipe differs from the optimizer's.

    Both are dicts of choices by name, in which those of the matrices and those of the backup are
    dicts of their own, "matrix" and "backup". ``free``: the names that may differ. ``path``: what
    precedes a name in the message, such as "matrix.". A choice that is not saved has its default
    where the format got it later, else None. The messages are those of the C++ loader.
    """
    for key, value in allowed.items():
        if key in free:
            continue
        saved = _table.unmentioned(key)
        saved = received.get(key, saved) if isinstance(received, dict) else None
        if isinstance(value, dict):
            compare_choices(saved, value, free, f"{path}{key}.")
        elif saved != value:
            raise ValueError(
                f"{path}{key}: received {show(saved)}, allowed the optimizer's {show(value)}"
            )
    for key in received if isinstance(received, dict) else ():
        if key not in allowed:
            raise ValueError(f'choices: received "{path}{key}", which this version does not know')


def _as_json(options: Group) -> dict[str, Any]:
    """Options in the types that JSON has, to be compared: tuples as lists, dtypes as text."""
    plain: dict[str, Any] = json.loads(json.dumps(options, default=str))
    return plain


def compare_groups(plan: Plan, received: list[Group], allowed: list[Group]) -> None:
    """Raises ValueError naming a choice in which a state_dict's groups differ from those here.

    ``received`` are the groups with what the state_dict brings, ``allowed`` the optimizer's, of
    which ``plan`` was made: both with SteepestDescent's keys, in one order, with the same roles.
    The choices of the whole network are compared first, then those of each group and role. Rates,
    and whatever else a state_dict may change, are passed over.
    """
    network = [_as_json(_options.network_options(groups)) for groups in (received, allowed)]
    compare_choices(network[0], network[1], _table.BROUGHT)
    for index, role in plan.sides:
        sides = [_as_json(_options.side_options(g[index], role)) for g in (received, allowed)]
        keys = {key: sides[1].get(key) for key in (*sides[1], *sides[0])}
        compare_choices(sides[0], keys, _table.BROUGHT, f"param_groups[{index}]: {role}.")


def saved_here(group: Group) -> bool:
    """Whether a saved group is an optimizer's of this package rather than of torch.optim."""
    return "recipe" in group


def check_recipe(groups: list[Group], recipe: str) -> None:
    """Raises ValueError unless each saved group is of ``recipe`` or of torch's class of that name.

    A group of torch's has no recipe: it is known by the keys that only its class writes.
    """
    for index, group in enumerate(groups):
        if saved_here(group):
            if without_momo(group["recipe"]) != without_momo(recipe):
                raise ValueError(f"recipe: received {group['recipe']}, allowed {recipe}")
            continue
        if without_momo(recipe) not in TORCH:
            raise ValueError(
                f"recipe: received none, allowed {recipe}: load_torch_state takes the momentum of "
                "torch's optimizers"
            )
        name, keys = TORCH[without_momo(recipe)]
        for key in keys:
            if key not in group:
                raise ValueError(
                    f"param_groups[{index}]: received no {key}, allowed a state_dict of {recipe} "
                    f"or of torch.optim.{name}"
                )


def differing_keys(groups: list[Group], skip: set[str]) -> Iterator[str]:
    """Yields the keys, but those in ``skip``, whose values are not the same in all saved groups.

    A key comes once for each group that differs in it from the first.
    """
    first = groups[0]
    for other in groups[1:]:
        # lr goes first: that a ratio to it differs may follow.
        for key in sorted(first.keys() | other.keys(), key=lambda name: (name != "lr", name)):
            if key not in skip and _as_json({"": first.get(key)}) != _as_json({"": other.get(key)}):
                yield key
