# SPDX-License-Identifier: Apache-2.0
"""An optimizer as print shows it: what each group trains, at which rates, and what was chosen."""

from __future__ import annotations

import textwrap
from typing import Any

from steepest import _options, _table
from steepest._numbers import shown
from steepest._options import Group
from steepest._plan import Plan

_WIDTH, _HEIGHT = 100, 22  # of the text; two lines are left for the prompt
# Shown in the first line or with a group's rates, or no choice at all.
_ELSEWHERE = {
    *("update", "outer", "step_size", "recipe", "process_group", "wire"),
    *_table.RATES,
    *("norm", "backup", "momentum", "backup_momentum", "backup_lr_ratio"),
    *("role", "roles", "layouts", "momo", "momo_step"),
    "differentiable",  # refused unless False
}


def describe(cls: type[Any], plan: Plan, groups: list[Group], canonical: list[Group]) -> str:
    """Returns the text of an optimizer's repr: 22 lines as a rule, however many groups there are.

    Args:
        cls: the optimizer's class.
        plan: of its groups.
        groups: the optimizer's own.
        canonical: the same with SteepestDescent's keys.
    """
    initial = defaults(cls, groups[0]["recipe"])
    own = [_differing(group, initial) for group in groups]
    common = _common(own)
    network = {key: groups[0][key] for key in ("recipe", "update", "outer", "step_size")}
    lines = _wrapped(f"{cls.__name__} (", network) + _wrapped("    options: ", common)
    blocks = [
        rates + _wrapped("    options: ", {k: v for k, v in chosen.items() if k not in common})
        for rates, chosen in zip(_rate_lines(plan, canonical), own)
    ]
    count = _fitting([len(block) for block in blocks], _HEIGHT - len(lines) - 2)
    for block in blocks[:count]:
        lines += block
    if left := groups[count:]:
        tensors = sum(len(group["params"]) for group in left)
        more = f"{len(left)} more groups of {tensors} tensors"
        lines.append(f"  .. and {more}: optimizer.param_groups")
    return "\n".join([*lines, ")"])


def _common(chosen: list[Group]) -> Group:
    """The options that all groups have ``chosen`` alike; the layouts stay with the groups."""
    return {
        key: value
        for key, value in chosen[0].items()
        if key not in _options.LAYOUT and all(other.get(key) == value for other in chosen)
    }


def _fitting(heights: list[int], room: int) -> int:
    """How many blocks of these heights, from the first on, fit into ``room`` lines; at least 1."""
    count, used = 0, 0
    for height in heights:
        used += height
        if used > room:
            break
        count += 1
    return max(1, count)


def _rate_lines(plan: Plan, canonical: list[Group]) -> list[list[str]]:
    """Returns the lines of each group: one for its matrices and one for its other parameters.

    A line says how many tensors they are, their lr, weight decay, momentum and norm. A group
    without parameters has one line, "empty".
    """
    lines: list[list[str]] = [[] for _ in canonical]
    rates = plan.rates(canonical)
    for side, (number, role) in enumerate(plan.sides):
        tensors = _counted(plan.side_of.count(side), role)
        of_ratio = role == "backup" and number in plan.mixed
        ratio = f" (backup_lr_ratio {canonical[number]['backup_lr_ratio']:.6g})" if of_ratio else ""
        lines[number].append(
            f"  group {number}: {tensors}: lr {rates.lr[side]:.6g}{ratio}, "
            f"weight_decay {rates.weight_decay[side]:.6g}, "
            f"momentum {rates.momentum[side]:.6g}, "
            f"norm {_options.side_options(canonical[number], role)['norm']}"
        )
    return [of_group or [f"  group {number}: empty"] for number, of_group in enumerate(lines)]


def _counted(count: int, role: str) -> str:
    """So many tensors of a role, in words: "1 matrix", "3 non-matrix tensors"."""
    if role == "matrix":
        return f"{count} {'matrix' if count == 1 else 'matrices'}"
    return f"{count} non-matrix tensor{'s' if count > 1 else ''}"


def defaults(cls: type[Any], recipe: str) -> Group:
    """What each key of a group is where the user of the class ``cls`` has chosen nothing."""
    row = {} if recipe == _options.SPELT_OUT else _options.group_of_row(recipe)
    signature = _table.signature() if recipe == _options.SPELT_OUT else {}
    known = {**_options.PLAIN, **row, **signature, **_written_defaults(cls.__init__)}
    return {key: value for key, value in known.items() if key not in _ELSEWHERE}


def _written_defaults(function: Any) -> Group:
    """The defaults in the source of a constructor, whatever its ``__signature__`` tells.

    That one has the options of the class's row as well, which are not those of its Momo form.
    """
    code = getattr(function, "__code__", None)
    if code is None:
        return {}
    places = code.co_varnames[: code.co_argcount]
    values = function.__defaults__ or ()
    return {
        **dict(zip(places[len(places) - len(values) :], values)),
        **(function.__kwdefaults__ or {}),
    }


def _differing(group: Group, initial: Group) -> Group:
    """Those of the group's choices whose values are not the ``initial`` ones."""
    return {
        key: group[key]
        for key, value in initial.items()
        if key in group and _plain(group[key]) != _plain(value)
    }


def _plain(value: Any) -> Any:
    """A value to be compared: a tuple becomes a list, as both may spell one choice."""
    return list(value) if isinstance(value, tuple) else value


def _wrapped(head: str, options: Group) -> list[str]:
    """The lines of the ``options`` behind ``head``, three at most; [] without any."""
    if not options:
        return []
    items = [f"{k} {v if isinstance(v, str) else shown(v)}" for k, v in options.items()]
    return textwrap.wrap(
        head + ", ".join(items),
        _WIDTH,
        subsequent_indent=" " * 8,
        max_lines=3,
        placeholder=" ..",
    )
