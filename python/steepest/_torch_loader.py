# SPDX-License-Identifier: Apache-2.0
"""A state_dict from here in an optimizer of torch.optim: refused where it means another method.

torch compares the sizes of the groups alone. The state of a Muon would be taken by an AdamW, which
fails at its next step, with the weights half updated and its own state gone. There is no hook by
which the sender of a state_dict can say so; hence one method of torch's base class is wrapped.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import torch

# The classes of torch.optim whose state is the recipe's; Adam's and AdamW's are the same.
_CLASSES = {
    "muon": ("Muon",),
    "adamw": ("AdamW", "Adam"),
    "adam": ("Adam", "AdamW"),
    "sgd": ("SGD",),
}


def _recipe_of(state_dict: Any) -> str:
    """The recipe of the optimizer of this package that made a state_dict; "" of any other's."""
    groups = state_dict.get("param_groups") if isinstance(state_dict, Mapping) else None
    first = groups[0] if isinstance(groups, list) and groups else None
    recipe = first.get("recipe") if isinstance(first, Mapping) and "momo_step" in first else None
    return recipe if isinstance(recipe, str) else ""


def check(receiver: torch.optim.Optimizer, state_dict: Any) -> None:
    """Raises ValueError where a class of torch.optim is given the state of another method.

    Wrappers and other libraries' classes, which may know what to do with it, are left alone.
    """
    recipe = _recipe_of(state_dict)
    kind = type(receiver)
    if not recipe or not kind.__module__.startswith("torch.optim"):
        return
    twins = _CLASSES.get(recipe, ())
    if kind.__name__ in twins:
        return
    raise ValueError(
        f'load_state_dict: received the state of steepest\'s "{recipe}", allowed a state_dict of '
        f"torch.optim.{kind.__name__}: load it into the class that has made it"
        + (f", or into torch.optim.{twins[0]}" if twins else "")
    )


def install() -> None:
    """Makes load_state_dict of torch.optim's classes :func:`check` what it is given, once."""
    original = torch.optim.Optimizer.load_state_dict
    if getattr(original, "_steepest_checks", False):
        return

    # torch's method, after a check that raises ValueError: a state_dict that this package made for
    # another method would load without a word, and mean something else.
    @functools.wraps(original)
    def load_state_dict(self: torch.optim.Optimizer, state_dict: Any) -> None:
        check(self, state_dict)
        original(self, state_dict)

    load_state_dict._steepest_checks = True  # type: ignore[attr-defined]
    torch.optim.Optimizer.load_state_dict = load_state_dict  # type: ignore[method-assign]
