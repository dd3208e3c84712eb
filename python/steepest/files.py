# SPDX-License-Identifier: Apache-2.0
"""An optimizer's state as a safetensors file: the one that C++ programs and the trainer write."""

from __future__ import annotations

import json
from collections import defaultdict
from os import PathLike, fsdecode
from typing import Any

import torch
from torch import Tensor

from steepest import _places
from steepest._face import Face
from steepest._file_reading import FORMAT, MODEL, OBSERVED, read_file
from steepest._library import ops
from steepest._plan import Plan


def _rates(optimizer: Face) -> list[dict[str, float]]:
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


def save(optimizer: Face, path: str | PathLike[str]) -> None:
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
    named = _of_parameters(optimizer, plan) | _of_network(optimizer)
    metadata = {
        "format": FORMAT,
        "recipe": plan.recipe["name"],
        "choices": json.dumps(plan.recipe),
        "groups": json.dumps(_rates(optimizer)),
        "places": json.dumps(_places.places_of(plan)),
    }
    ops.save_file(fsdecode(path), list(named.values()), list(named), json.dumps(metadata))


def _of_parameters(optimizer: Face, plan: Plan) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {}
    for index, param in enumerate(optimizer._params()):
        entry = optimizer.state.get(param)
        if not entry or "step" not in entry or float(entry["step"]) == 0:
            continue
        for key in ("step", *plan.state[index]):
            named[f"state.{plan.names[index]}.{key}"] = entry[key].detach()
    return named


def _of_network(optimizer: Face) -> dict[str, Tensor]:
    first = optimizer.param_groups[0]
    entries = [entry for entry in optimizer.state.values() if isinstance(entry, dict)]
    steps = [entry["step"] for entry in entries if "step" in entry]
    zero = torch.zeros((), device="cpu")
    count = first["momo_step"] if optimizer._momo() else max(steps, default=zero)
    named = {
        "global.step": count.clone(),
        "global.skipped": torch.zeros((), dtype=torch.int64, device="cpu"),
    }
    if optimizer._momo() and float(count) > 0:
        named |= {f"global.{key}": first["momo"][i].clone() for i, key in enumerate(MODEL)}
    return named


def load(optimizer: Face, path: str | PathLike[str]) -> None:
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
            found = read_file(optimizer, dict(zip(keys, tensors)), json.loads(text))
        except ValueError as error:
            raise ValueError(f"{name}: {str(error).splitlines()[0]}") from error
        _apply(optimizer, *found)


def _apply(
    optimizer: Face,
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
    model = [whole.get(f"global.{key}", 0.0) for key in MODEL]
    for group in optimizer.param_groups:
        group["momo_step"] = whole["global.step"]
        group["momo"] = torch.tensor(model, dtype=torch.float64, device=optimizer._device())
    optimizer._share_model()
    if OBSERVED[1] in whole:
        total, weight = (whole[key] for key in OBSERVED)
        optimizer.observe(total / weight, weight)
