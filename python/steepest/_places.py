# SPDX-License-Identifier: Apache-2.0
"""Saved parameters have the roles and layouts of here, or are refused with what to write."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from torch import Tensor

from steepest import _choices, _stored
from steepest._options import LAYOUT
from steepest._plan import Plan

Place = dict[str, Any]


def compare_place(name: str, there: Place, here: Place, show: Callable[[Any], str]) -> None:
    """Raises ValueError where a parameter's saved place differs from its place in this optimizer.

    The message names the parameter (``name``) and the first key of role and layout that differs.
    ``there`` is the saved place, ``here`` this optimizer's; ``show`` prints a value.
    """
    for key in ("role", *LAYOUT):
        received, allowed = there.get(key), here.get(key)
        if received != allowed:
            raise ValueError(
                f"{name}: {key}: received {show(received)}, allowed {show(allowed)} as in this "
                f"optimizer{_remedy(name, key, received)}"
            )


def _remedy(name: str, key: str, received: Any) -> str:
    """What to write where a module is routed otherwise than when the state was saved."""
    if key == "role" and received in ("matrix", "backup"):
        return f': steepest.route(model, {received}=["{name}"]) makes it what it was'
    return ""


def places_of(plan: Plan) -> dict[str, Place]:
    """Role and layout of every parameter, by name."""
    planned = json.loads(plan.text)
    roles = [group["role"] for group in planned["groups"]]
    return {
        p["name"]: {"role": roles[p["group"]], **{k: p[k] for k in LAYOUT if k in p}}
        for p in planned["params"]
    }


def check_places(places: Any, plan: Plan, names: dict[str, str]) -> None:
    """What means the same state in another role or layout must not go on in silence."""
    if not isinstance(places, dict) or not all(isinstance(p, dict) for p in places.values()):
        raise ValueError(f"places: received {_choices.show(places)}, allowed roles by name")
    for name, here in places_of(plan).items():
        there = places.get(names.get(name, ""))
        if there is None:
            continue
        compare_place(name, there, here, _choices.show)


def missing_state(prefix: str, found: dict[str, Tensor], wish: _stored.Wanted) -> str:
    """What to write where a network is routed otherwise than when the file was written."""
    other = {"exp_avg": "momentum_buffer", "momentum_buffer": "exp_avg"}[wish.momentum]
    if wish.param.dim() < 2 or prefix + other not in found:
        return ""
    role = "matrix" if other == "momentum_buffer" else "backup"
    name = prefix.removeprefix("state.").removesuffix(".")
    return f': steepest.route(model, {role}=["{name}"]) makes it what it may have been'
