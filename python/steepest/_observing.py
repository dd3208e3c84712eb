# SPDX-License-Identifier: Apache-2.0
"""How the loss reaches a step: observed, as an argument, or from a closure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest import _shared
from steepest._eager import eager
from steepest._loss import Observations, loss_or_none, refuse_no_closure, refuse_two_losses
from steepest._shared import Processes

_Loss = TypeVar("_Loss", bound="Tensor | float")


class Observing(Optimizer):
    """observe, and where a step finds its loss; Face has the rest."""

    _observations: Observations
    _processes: Processes

    if TYPE_CHECKING:
        # Declared for type checkers; the class Groups defines both.
        def _name(self) -> str: ...  # the recipe's name, for messages
        def _momo(self) -> bool: ...  # whether step sizes are Momo's, which need a loss

    @eager
    def observe(self, loss: _Loss, weight: float = 1) -> _Loss:
        """Gives Momo the loss of a micro-batch, unscaled and undivided, and returns it.

        Call it after each forward pass. ``step`` uses the mean weighted by ``weight`` (of the
        process group, where one was given) and clears it; ``zero_grad`` drops the observations of
        gradients that no step has used (GradScaler skips some). Other step sizes ignore it.
        """
        if self._momo():
            self._observations.add(loss, weight, self.param_groups)
        return loss

    @eager
    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's; observations whose gradients it throws away go with them."""
        self._observations.drop_stale(self.param_groups)
        super().zero_grad(set_to_none)

    def _evaluate(
        self, closure: Callable[[], Any] | None, loss: Tensor | float | None
    ) -> tuple[Any, Any]:
        """Calls the closure, if any; ``loss`` is step's argument.

        Returns the closure's value, None without one, and the loss that the step was given by
        closure or argument. Raises ValueError where Momo was given two losses, TypeError where the
        closure cannot be called.
        """
        refuse_no_closure(type(self).__name__, closure)
        self._refuse_two_losses(
            observed=loss is not None and bool(self._observations),
            argument=loss is not None,
            closure=loss is not None and closure is not None,
        )
        if closure is None:
            return None, loss
        before, seen = bool(self._observations), self._observations.count
        with torch.enable_grad():
            result = closure()
        # Lightning's closure observes the last micro-batch; any other is a second loss.
        silent = self._observations.count == seen
        self._refuse_two_losses(observed=before and silent, closure=before and silent)
        return result, result

    def _refuse_two_losses(self, **sources: bool) -> None:
        """:func:`refuse_two_losses` under Momo; other step sizes take any number of losses."""
        if self._momo():
            refuse_two_losses(self._name(), **sources)

    def _take_loss(self, loss: Tensor | float | None) -> Tensor | None:
        """What the engine is given as the loss, from what step's argument or closure gave.

        Under Momo it is the observed mean, or else ``loss``; raises ValueError where there is
        neither.
        """
        if not self._momo():
            # Where steps with NaN or Inf are refused, a loss that is at hand is looked at as well.
            return loss_or_none(loss) if self.param_groups[0]["nonfinite"] == "skip" else None
        return self._observations.step_loss(loss, self.param_groups[0], self._loss_group())

    def _loss_group(self) -> Any:
        """The processes whose losses are averaged: those that share parameters, or as was said."""
        params = [p for group in self.param_groups for p in group["params"]]
        return _shared.group_of(params, self._processes)

    def _drop_loss(self, given: Any) -> None:
        """Clears what was observed for a step that has no gradient and so does nothing.

        Other processes of the group may have gradients and wait for this one's part of the mean
        loss, which is sent. ``given`` is the loss of step's argument or closure.
        """
        if self._loss_group() is not None and (given is not None or self._observations):
            self._take_loss(given)
        self._observations.clear()
