# SPDX-License-Identifier: Apache-2.0
"""An optimizer's state as a safetensors file: the one that C++ programs and the trainer write."""

from __future__ import annotations

import json
from collections import defaultdict
from os import PathLike, fsdecode
from typing import Any

import torch
from torch import Tensor

from steepest import _choices, _kinds, _names, _places, _stored
from steepest._engine import Engine
from steepest._library import ops
from steepest._options import Group
from steepest._plan import Plan, make_plan

_FORMAT = "steepest-optimizer-1"
_MODEL = ("loss_average", "weight", "f_star")
_RATES = ("lr", "lr_ratio", "backup_ratio", "weight_decay", "backup_weight_decay")
_OBSERVED = ("global.observed", "global.observed_weight")  # C++ programs': no step has used it yet


def _rates(optimizer: Engine) -> list[dict[str, float]]:
    groups = []
    for group in optimizer.param_groups:
        decay = float(group["weight_decay"])
        own = group["backup_weight_decay"]
        groups.append(
            {
                "lr": float(group["lr"]),
                "lr_ratio": float(group["lr_ratio"]),
                "backup_ratio": float(group["backup_lr_ratio"]),
                "weight_decay": decay,
                "backup_weight_decay": decay if own is None else float(own),
            }
        )
    return groups


def save(optimizer: Engine, path: str | PathLike[str]) -> None:
    """Writes state and rates, atomically, with checksums; readable without this package.

    Keys are ``state.<parameter>.<name>`` and ``global.<name>``. A C++ ``steepest::load`` into an
    optimizer of the same recipe, names and groups goes on with it. Raises RuntimeError naming the
    file where it cannot be written, ValueError where two parameters have one name or a rate is not
    finite; the file that was there is then unchanged.
    """
    plan = optimizer._plan()
    optimizer._complete_states()
    plan.check_rates([optimizer._canonical(group) for group in optimizer.param_groups])
    if len(set(plan.names)) < len(plan.names):
        twice = next(name for name in plan.names if plan.names.count(name) > 1)
        raise ValueError(f'save: names: received "{twice}" twice, allowed names that differ')
    named: dict[str, Tensor] = {}
    for index, param in enumerate(optimizer._params()):
        entry = optimizer.state.get(param)
        if not entry or "step" not in entry or float(entry["step"]) == 0:
            continue
        for key in ("step", *plan.state[index]):
            named[f"state.{plan.names[index]}.{key}"] = entry[key].detach()
    first = optimizer.param_groups[0]
    steps = [
        entry["step"]
        for entry in optimizer.state.values()
        if isinstance(entry, dict) and "step" in entry
    ]
    zero = torch.zeros((), device="cpu")
    count = first["momo_step"] if optimizer._momo() else max(steps, default=zero)
    named["global.step"] = count.clone()
    named["global.skipped"] = torch.zeros((), dtype=torch.int64, device="cpu")
    if optimizer._momo() and float(count) > 0:
        named |= {f"global.{key}": first["momo"][i].clone() for i, key in enumerate(_MODEL)}
    metadata = {
        "format": _FORMAT,
        "recipe": plan.recipe["name"],
        "choices": json.dumps(plan.recipe),
        "groups": json.dumps(_rates(optimizer)),
        "places": json.dumps(_places.places_of(plan)),
    }
    ops.save_file(fsdecode(path), list(named.values()), list(named), json.dumps(metadata))


def load(optimizer: Engine, path: str | PathLike[str]) -> None:
    """Loads what :func:`save`, a C++ program or the trainer has written.

    State goes by name; ``module.``, ``_orig_mod.`` and other wrappers of a module do not count.
    Rates come from the file. Raises ValueError, and changes nothing, where recipe, choices, groups,
    names, shapes or numbers do not fit, with the first that differs; RuntimeError where the file is
    damaged, naming it and the place.
    """
    name = fsdecode(path)
    with torch.inference_mode(False), torch.no_grad():
        tensors, keys, text = ops.load_file(name)
        try:
            found = _read(optimizer, dict(zip(keys, tensors)), json.loads(text))
        except ValueError as error:
            raise ValueError(f"{name}: {str(error).splitlines()[0]}") from error
        _apply(optimizer, *found)


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
    for index, group in enumerate(rates):
        for key in _RATES:
            known = isinstance(group, dict) and key in group
            if not known or not _kinds.is_number(group[key]) or group[key] < 0:
                received = _choices.show(group[key]) if known else "nothing"
                raise ValueError(
                    f"groups[{index}].{key}: received {received}, allowed a finite number from 0 up"
                )
    return [{key: float(group[key]) for key in _RATES} for group in rates]


def _read(
    optimizer: Engine, found: dict[str, Tensor], metadata: dict[str, str]
) -> tuple[dict[int, dict[str, Any]], list[dict[str, float] | None], dict[str, Any]]:
    """States of the parameters by number, rates, and what belongs to the whole network."""
    plan = optimizer._plan()
    if (form := _entry(metadata, "format")) != _FORMAT:
        raise ValueError(f"format: received {form}, allowed {_FORMAT}")
    if (recipe := _entry(metadata, "recipe")) != plan.recipe["name"]:
        raise ValueError(f"recipe: received {recipe}, allowed {plan.recipe['name']}")
    rates = _read_rates(_entry(metadata, "groups"), optimizer.param_groups)
    choices = plan.recipe
    if None in rates:  # of the groups alone that the file has, too
        groups = [group for group, has in zip(optimizer.param_groups, rates) if has]
        choices = make_plan(optimizer._name(), [optimizer._canonical(g) for g in groups]).recipe
    _choices.compare_files(_json(_entry(metadata, "choices")), choices, plan)
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


def _file_names(found: dict[str, Tensor], plan: Plan) -> dict[str, str]:
    """The file's name of each of the plan's: as it is, or else without wrappers."""
    ends = [f".{end}" for end in ("step", *sorted({name for own in plan.state for name in own}))]
    theirs: dict[str, None] = {}
    for key in found:
        end = next((end for end in ends if key.endswith(end)), None)
        if key.startswith("state.") and end is not None:
            theirs[key.removeprefix("state.").removesuffix(end)] = None
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


def _read_globals(optimizer: Engine, found: dict[str, Tensor], used: set[str]) -> dict[str, Any]:
    if "global.step" not in found:
        raise ValueError("received no global.step")
    whole: dict[str, Any] = {}
    for key in ("global.step", "global.skipped"):
        if key in found:
            whole[key] = _stored.read_step(key, found[key])
            used.add(key)
    modelled = optimizer._momo() and float(whole["global.step"]) > 0
    wanted = [f"global.{key}" for key in _MODEL] if modelled else []
    seen = [key for key in _OBSERVED if key in found]
    if len(seen) == 1:
        raise ValueError(f"received one of {' and '.join(_OBSERVED)}, allowed both")
    for key in (*wanted, *seen):
        if key not in found:
            raise ValueError(f"received no {key}")
        value = _kinds.plain(found[key])
        if not _kinds.is_number(value):
            raise ValueError(f"{key}: received {_kinds.show(value)}, allowed a finite number")
        if key in ("global.weight", _OBSERVED[1]) and value <= 0:
            raise ValueError(f"{key}: received {value:g}, allowed a finite number above 0")
        whole[key] = float(value)
        used.add(key)
    return whole


def _apply(
    optimizer: Engine,
    states: dict[int, dict[str, Any]],
    rates: list[dict[str, float] | None],
    whole: dict[str, Any],
) -> None:
    optimizer._reset()
    optimizer._loans = None
    params = list(optimizer._params())
    optimizer.state = defaultdict(dict, {params[index]: entry for index, entry in states.items()})
    for group, saved in zip(optimizer.param_groups, rates):
        if saved is None:
            continue
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(saved["lr"])
        else:
            group["lr"] = saved["lr"]
        group["lr_ratio"], group["backup_lr_ratio"] = saved["lr_ratio"], saved["backup_ratio"]
        group["weight_decay"] = saved["weight_decay"]
        follows = group["backup_weight_decay"] is None
        if not follows or saved["backup_weight_decay"] != saved["weight_decay"]:
            group["backup_weight_decay"] = saved["backup_weight_decay"]
    if not optimizer._momo():
        return
    model = [whole.get(f"global.{key}", 0.0) for key in _MODEL]
    for group in optimizer.param_groups:
        group["momo_step"] = whole["global.step"]
        group["momo"] = torch.tensor(model, dtype=torch.float64, device=optimizer._device())
    optimizer._share_model()
    if _OBSERVED[1] in whole:
        total, weight = (whole[key] for key in _OBSERVED)
        optimizer.observe(total / weight, weight)
