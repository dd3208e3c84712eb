# SPDX-License-Identifier: Apache-2.0
"""Saved parameters have the roles and layouts of here, or are refused with what to write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from steepest._options import LAYOUT

Place = dict[str, Any]


def compare_place(name: str, there: Place, here: Place, show: Callable[[Any], str]) -> None:
    """Raises ValueError where a parameter's saved role or layout differs from that of now.

    ``there`` has the saved role and layout keys, ``here`` this optimizer's. The message names the
    parameter (``name``) and the first key that differs; ``show`` prints a value for it.
    """
    for key in ("role", *LAYOUT):
        received, allowed = there.get(key), here.get(key)
        if received != allowed:
            raise ValueError(
                f"{name}: {key}: received {show(received)}, allowed {show(allowed)} as in this "
                f"optimizer{_remedy(name, key, received)}"
            )


def _remedy(name: str, key: str, received: Any) -> str:
    """The end of the message: how to route the parameter as it was when its state was saved.

    ``key`` is the first that differs, ``received`` its saved value. "" where it is no role.
    """
    if key == "role" and received in ("matrix", "backup"):
        return f': steepest.route(model, {received}=["{name}"]) makes it what it was'
    return ""
