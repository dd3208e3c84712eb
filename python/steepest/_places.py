# SPDX-License-Identifier: Apache-2.0
"""Saved parameters have the roles and layouts of here, or are refused with what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest._options import LAYOUT

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
