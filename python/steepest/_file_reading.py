# SPDX-License-Identifier: Apache-2.0
"""What a file of state says, compared with the optimizer that it is to go into."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from torch import Tensor

from steepest import _choices, _kinds, _names, _places, _stored
from steepest._face import Face
from steepest._options import Group
from steepest._plan import Plan, make_plan

FORMAT = "steepest-optimizer-1"
MODEL = ("loss_average", "weight", "f_star")
RATES = ("lr", "lr_ratio", "backup_ratio", "weight_decay", "backup_weight_decay")
OBSERVED = ("global.observed", "global.observed_weight")  # C++ programs': no step has used it yet


def _entry(metadata: dict[str, str], key: str) -> str:
    if key not in metadata:
        raise ValueError(f'received no "{key}" in the metadata, allowed an optimizer\'s state')
    return metadata[key]


def _json(text: str) -> Any:
    """None where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_rates(text: str, groups: list[Group]) -> list[dict[str, float] | None]:
    """Of each group; None of one that is frozen whole, where the file has only the others."""
    rates = _json(text)
    trained = [any(p.requires_grad for p in group["params"]) for group in groups]
    if isinstance(rates, list) and 0 < len(rates) == sum(trained) < len(groups):
        rest = iter(_read_numbers(rates, len(rates)))
        return [next(rest) if has else None for has in trained]
    return list(_read_numbers(rates, len(groups)))


def _read_numbers(rates: Any, count: int) -> list[dict[str, float]]:
    if not isinstance(rates, list) or len(rates) != count:
        received = len(rates) if isinstance(rates, list) else "no list"
        raise ValueError(f"groups: received {received}, allowed {count}")
    return [
        {key: _read_rate(f"groups[{index}].{key}", group, key) for key in RATES}
        for index, group in enumerate(rates)
    ]


def _read_rate(where: str, group: Any, key: str) -> float:
    known = isinstance(group, dict) and key in group
    if not known or not _kinds.is_number(group[key]) or group[key] < 0:
        received = _choices.show(group[key]) if known else "nothing"
        raise ValueError(f"{where}: received {received}, allowed a finite number from 0 up")
    return float(group[key])


def read_file(
    optimizer: Face, found: dict[str, Tensor], metadata: dict[str, str]
) -> tuple[dict[int, dict[str, Any]], list[dict[str, float] | None], dict[str, Any]]:
    """States of the parameters by number, rates, and what belongs to the whole network."""
    plan = optimizer._plan()
    rates = _read_metadata(optimizer, plan, metadata)
    names = _file_names(found, plan)
    if "places" in metadata:  # C++ programs and earlier versions do not say it
        _places.check_places(_json(metadata["places"]), plan, names)
    states: dict[int, dict[str, Any]] = {}
    used: set[str] = set()
    for index, wish in enumerate(_stored.wanted(plan, list(optimizer._params()))):
        if (saved := names.get(plan.names[index])) is None:
            continue
        state = _read_state(f"state.{saved}.", found, plan.state[index], wish, used)
        if state is not None:
            states[index] = state
    whole = _read_globals(optimizer, found, used)
    for key in found:
        if key not in used:
            raise ValueError(f'received "{key}", which no parameter of this optimizer has')
    return states, rates, whole


def _read_metadata(
    optimizer: Face, plan: Plan, metadata: dict[str, str]
) -> list[dict[str, float] | None]:
    """The groups' rates, after the comparison of all that the state's meaning hangs on."""
    if (form := _entry(metadata, "format")) != FORMAT:
        raise ValueError(f"format: received {form}, allowed {FORMAT}")
    if (recipe := _entry(metadata, "recipe")) != plan.recipe["name"]:
        raise ValueError(f"recipe: received {recipe}, allowed {plan.recipe['name']}")
    rates = _read_rates(_entry(metadata, "groups"), optimizer.param_groups)
    choices = plan.recipe
    if None in rates:  # of the groups alone that the file has, too
        groups = [group for group, has in zip(optimizer.param_groups, rates) if has]
        choices = make_plan(optimizer._name(), [optimizer._canonical(g) for g in groups]).recipe
    _choices.compare_files(_json(_entry(metadata, "choices")), choices, plan)
    return rates


def _file_names(found: dict[str, Tensor], plan: Plan) -> dict[str, str]:
    """The file's name of each of the plan's: as it is, or else without wrappers."""
    theirs = _saved_names(found, plan)
    if theirs.keys() <= set(plan.names):
        return {name: name for name in theirs}
    ours: dict[str, list[str]] = defaultdict(list)
    for name in plan.names:
        ours[_names.bare(name)].append(name)
    paired: dict[str, str] = {}
    for name in theirs:
        own = ours.get(_names.bare(name), [])
        if len(own) != 1 or own[0] in paired:
            raise ValueError(_names.difference(list(theirs), plan.names))
        paired[own[0]] = name
    return paired


def _saved_names(found: dict[str, Tensor], plan: Plan) -> dict[str, None]:
    """The parameters that the file has state of, in its order."""
    ends = [f".{end}" for end in ("step", *sorted({name for own in plan.state for name in own}))]
    theirs: dict[str, None] = {}
    for key in found:
        end = next((end for end in ends if key.endswith(end)), None)
        if key.startswith("state.") and end is not None:
            theirs[key.removeprefix("state.").removesuffix(end)] = None
    return theirs


def _read_state(
    prefix: str,
    found: dict[str, Tensor],
    names: list[str],
    wish: _stored.Wanted,
    used: set[str],
) -> dict[str, Any] | None:
    if prefix + "step" not in found:
        return None  # tensors without a step belong to nobody
    state: dict[str, Any] = {"step": _stored.read_step(prefix + "step", found[prefix + "step"])}
    used.add(prefix + "step")
    if float(state["step"]) == 0:
        return None
    for key in names:
        if prefix + key not in found:
            raise ValueError(
                f"received no {prefix}{key}{_places.missing_state(prefix, found, wish)}"
            )
        state[key] = _stored.read_tensor(prefix + key, key, found[prefix + key], wish, list)
        used.add(prefix + key)
    return state


def _read_globals(optimizer: Face, found: dict[str, Tensor], used: set[str]) -> dict[str, Any]:
    if "global.step" not in found:
        raise ValueError("received no global.step")
    whole: dict[str, Any] = {}
    for key in ("global.step", "global.skipped"):
        if key in found:
            whole[key] = _stored.read_step(key, found[key])
            used.add(key)
    modelled = optimizer._momo() and float(whole["global.step"]) > 0
    wanted = [f"global.{key}" for key in MODEL] if modelled else []
    seen = [key for key in OBSERVED if key in found]
    if len(seen) == 1:
        raise ValueError(f"received one of {' and '.join(OBSERVED)}, allowed both")
    for key in (*wanted, *seen):
        whole[key] = _read_number(key, found)
        used.add(key)
    return whole


def _read_number(key: str, found: dict[str, Tensor]) -> float:
    if key not in found:
        raise ValueError(f"received no {key}")
    value = _kinds.plain(found[key])
    if not _kinds.is_number(value):
        raise ValueError(f"{key}: received {_kinds.show(value)}, allowed a finite number")
    if key in ("global.weight", OBSERVED[1]) and value <= 0:
        raise ValueError(f"{key}: received {value:g}, allowed a finite number above 0")
    return float(value)
