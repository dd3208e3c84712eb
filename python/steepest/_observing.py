# SPDX-License-Identifier: Apache-2.0
"""How the loss reaches a step: observed, as an argument, or from a closure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest._loss import Observations, real_number, refuse_two


class Observing(Optimizer):
    """observe, and where a step finds its loss; Face has the rest."""

    _observations: Observations
    _process_group: Any

    if TYPE_CHECKING:

        def _name(self) -> str: ...
        def _momo(self) -> bool: ...

    @torch.compiler.disable  # type: ignore[misc]
    def observe(self, loss: Tensor | float, weight: float = 1) -> Tensor | float:
        """Gives Momo the loss of a micro-batch, unscaled and undivided, and returns it.

        Call it after each forward pass. ``step`` uses the mean weighted by ``weight`` (of the
        process group, where one was given) and clears it; ``zero_grad`` drops the observations of
        gradients that no step has used (GradScaler skips some). Other step sizes ignore it.
        """
        if self._momo():
            self._observations.add(loss, weight, self.param_groups)
        return loss

    @torch.compiler.disable  # type: ignore[misc]
    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's; observations whose gradients it throws away go with them."""
        self._observations.drop_stale(self.param_groups)
        super().zero_grad(set_to_none)

    def _evaluate(
        self, closure: Callable[[], Any] | None, loss: Tensor | float | None
    ) -> tuple[Any, Any]:
        """(the closure's value, the loss that is given); ValueError where Momo has two."""
        self._refuse_two(
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
        self._refuse_two(observed=before and silent, closure=before and silent)
        return result, result

    def _refuse_two(self, **sources: bool) -> None:
        if self._momo():
            refuse_two(self._name(), **sources)

    def _take_loss(self, loss: Tensor | float | None) -> Tensor | None:
        if not self._momo():
            # Where steps with NaN or Inf are refused, a loss that is at hand is looked at as well.
            return real_number(loss) if self.param_groups[0]["nonfinite"] == "skip" else None
        return self._observations.take(loss, self.param_groups[0], self._process_group)

    def _drop_loss(self, given: Any) -> None:
        """Of a step without a gradient; other processes may have one, and wait for its loss."""
        if self._process_group is not None and (given is not None or self._observations):
            self._take_loss(given)
        self._observations.clear()
