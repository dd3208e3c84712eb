# SPDX-License-Identifier: Apache-2.0
"""Whether what the model differentiates is what the optimizer has: looked at now and then."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Iterable

import torch
from torch import Tensor

from steepest._say import warn

Sides = list[tuple[int, str]]  # of a plan: of each side the number of its group, and its role


class Watch:
    """Of one optimizer; the module it was made from is remembered, not kept alive.

    ``to_empty``, ``fully_shard``, ``load_state_dict(assign=True)``, ``weight_norm`` and others give
    a module new parameters, of which an optimizer cannot know. It looks for gradients that are not
    its own at steps 1, 2, 4, 8 .., at steps without a gradient and where their number changes.

    A first step without any gradient is none to speak of: schedulers want a step before theirs, and
    networks may take turns. It is named where nobody else holds the parameters, or the third time.
    """

    _MAX_CHANGES = 100  # checks because of a changed number
    _IDLE = 3  # steps without a gradient

    def __init__(self, name: str, params: object = None) -> None:
        """Begins with nothing warned of; remembers the module, if any, and what is frozen in it.

        ``name``: the optimizer's class, for messages; ``params``: what it was made from. The module
        is not kept alive.
        """
        module = _module_of(params)
        self._name = name
        self._module = weakref.ref(module) if module is not None else None
        known = module.parameters() if module is not None else ()
        self.frozen = {id(p) for p in known if not p.requires_grad}  # those alive in the groups
        self._steps = self._last = self._changes = self._idle = 0
        self._said = False
        self._two_rates: tuple[float, float] | None = None  # see note_first_rates
        self.no_matrix_said = False

    def module(self) -> torch.nn.Module | None:
        """The module that the optimizer was made from, while it lives; None without one."""
        return self._module() if self._module is not None else None

    def note_step(self, gradients: int, params: Iterable[Tensor], fresh: bool) -> None:
        """Warns once where the optimizer does not hold what the model trains; called at each step.

        ``gradients``: how many of ``params``, the optimizer's own, have a gradient; ``fresh``:
        whether none of them has state yet.
        """
        if not self._is_due(gradients) or self._said:
            return
        own = list(params)
        if missing := self._missing(own):
            self._said = True
            warn(
                f"{self._name}: {len(missing)} parameters of the model have a gradient but are not "
                f"in the optimizer and stay as they are, {missing[0]} first: make the optimizer "
                "after what replaced or added them (to_empty, fully_shard, weight_norm, "
                "load_state_dict(assign=True) ..), or give them to add_param_group"
            )
        elif gradients == 0 and fresh and own and (self._idle >= self._IDLE or _left_alone(own)):
            self._said = True
            warn(
                f"{self._name}: step: received no gradient for any of the {len(own)} parameters, "
                "so nothing is trained: make the optimizer after what replaces a model's "
                "parameters (to_empty, fully_shard, load_state_dict(assign=True) ..)"
            )

    def note_first_rates(self, sides: Sides, lrs: list[float]) -> None:
        """Remembers the rates of the first matrices and the first others, where they differ.

        ``sides`` are a plan's (group number, role) pairs, and ``lrs`` the rate of each.
        """
        rates = _rate_of_each_role(sides, lrs)
        self._two_rates = rates if rates and rates[0] != rates[1] else None

    def note_rates(self, sides: Sides, lrs: list[float]) -> None:
        """Warns once where matrices and others now have one rate but began with two.

        A loop or a scheduler that sets one rate for all groups does that; a rate for matrices is
        ten times too large for the others. Called at each step, with the pairs and rates of
        :meth:`note_first_rates`.
        """
        first = self._two_rates
        if first is None:
            return
        rates = _rate_of_each_role(sides, lrs)
        if rates and rates[0] == rates[1] > 0:
            self._two_rates = None
            warn(
                f"{self._name}: lr: received {rates[0]:g} for the group of matrices and for that "
                f"of the others, which began with {first[0]:g} and {first[1]:g}: a loop that sets "
                "one rate for all groups writes "
                'group["lr"] = lr * group["lr_scale"], with scales of its own in the groups; '
                "schedulers such as OneCycleLR take a list"
            )

    def _is_due(self, gradients: int) -> bool:
        """Counts a step with so many ``gradients``, and says whether to look at the model now.

        That is so at steps 1, 2, 4, 8 .., at steps without a gradient, and where their number has
        changed, up to _MAX_CHANGES times: looking takes a walk over the model.
        """
        self._steps += 1
        changed = gradients != self._last and self._changes < self._MAX_CHANGES
        self._changes += changed
        self._last = gradients
        self._idle = 0 if gradients else self._idle + 1
        return changed or gradients == 0 or self._steps & (self._steps - 1) == 0

    def _missing(self, params: list[Tensor]) -> list[str]:
        """The names of the module's parameters with a gradient that are not among ``params``."""
        module = self.module()
        if module is None:
            return []
        held = {id(p) for p in params}
        named = module.named_parameters()
        return [name for name, p in named if p.grad is not None and id(p) not in held]


def _rate_of_each_role(sides: Sides, lrs: list[float]) -> tuple[float, float] | None:
    """The rate of the first group of matrices and that of the first group of other parameters.

    ``sides`` are (group number, role) pairs, ``lrs`` the rate of each. None where one of the roles
    does not occur, or both are in one group, which keeps the ratio of their rates itself.
    """
    found = {role: (number, lr) for (number, role), lr in reversed([*zip(sides, lrs)])}
    if len(found) < 2 or found["matrix"][0] == found["backup"][0]:
        return None
    return found["matrix"][1], found["backup"][1]


def _left_alone(params: list[Tensor]) -> bool:
    """Whether nobody but an optimizer's groups holds any of the parameters: no model has them."""
    # The group's list, the list here, the loop's variable and the call hold one reference each.
    return all(sys.getrefcount(param) <= 4 for param in params)


def _module_of(params: object) -> torch.nn.Module | None:
    """The module that an optimizer made from ``params`` is to train whole, None where it is none.

    ``params`` are then the module itself, or its Routes with all parameters still in the groups.
    """
    if isinstance(params, torch.nn.Module):
        return params
    rows = getattr(params, "rows", None)  # of steepest.Routes
    if not isinstance(params, list) or rows is None:
        return None
    whole = sum(len(group["params"]) for group in params) == len(params.reasons)  # type: ignore[attr-defined]
    return params.module() if whole and params.module is not None else None  # type: ignore[attr-defined]
