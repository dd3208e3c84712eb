# SPDX-License-Identifier: Apache-2.0
"""The torch.optim.Optimizer over the C++ engine: everything but the list of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._entries import make_states
from steepest._groups import Groups
from steepest._library import ops
from steepest._loss import real_number, refuse_two
from steepest._options import PLAIN, Group
from steepest._plan import Plan
from steepest._saving import Stateful
from steepest._watch import Watch


class Engine(Groups, Stateful):
    """What every optimizer of the package does; see SteepestDescent for the options."""

    # -- the loss ----------------------------------------------------------------------------------

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

    def _take_loss(self, loss: Tensor | float | None) -> Tensor | None:
        if not self._momo():
            # Where steps with NaN or Inf are refused, a loss that is at hand is looked at as well.
            return real_number(loss) if self.param_groups[0]["nonfinite"] == "skip" else None
        return self._observations.take(loss, self.param_groups[0], self._process_group)

    def _refuse_two(self, **sources: bool) -> None:
        if self._momo():
            refuse_two(self._name(), **sources)

    # -- the step ----------------------------------------------------------------------------------

    # The engine is compiled already: torch.compile calls it between its graphs. What a step makes
    # must outlive torch.inference_mode().
    @torch.compiler.disable  # type: ignore[misc]
    @torch.inference_mode(False)
    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], Any] | None = None, *, loss: Tensor | float | None = None
    ) -> Any:
        """One step over all parameters that have a gradient; gradients are not changed.

        Without a gradient nothing changes, as in torch; where it goes on so, that is warned of.

        Args:
            closure: evaluates the loss again, as in torch; under Momo its value is the loss.
            loss: for Momo, instead of :meth:`observe`.

        Returns:
            The closure's value.

        Raises:
            ValueError: no loss or two losses under Momo, a rate that is negative or not finite, a
                gradient or a state that does not fit its parameter. Nothing has changed then.
            TypeError: a parameter that was put into a group and cannot be trained.
        """
        self._refuse_two(
            observed=loss is not None and bool(self._observations),
            argument=loss is not None,
            closure=loss is not None and closure is not None,
        )
        result = None
        if closure is not None:
            before, seen = bool(self._observations), self._observations.count
            with torch.enable_grad():
                result = closure()
            # Lightning's closure observes the last micro-batch; any other is a second loss.
            silent = self._observations.count == seen
            self._refuse_two(observed=before and silent, closure=before and silent)
        given = result if closure is not None else loss
        if not self.param_groups:
            return result
        plan = self._plan()
        grads = [self._gradient(group, p) for group in self.param_groups for p in group["params"]]
        found = sum(grad is not None for grad in grads)
        self._watch.look(found, self._params(), not self.state)
        if found == 0:
            self._drop_loss(given)
        elif self._is_empty_step(given, grads):
            make_states(plan, self.state, list(self._params()), grads)
        else:
            self._call(plan, grads, self._take_loss(given))
            self._observations.clear()
        return result

    def _drop_loss(self, given: Any) -> None:
        """Of a step without a gradient; other processes may have one, and wait for its loss."""
        if self._process_group is not None and (given is not None or self._observations):
            self._take_loss(given)
        self._observations.clear()

    def _is_empty_step(self, loss: object, grads: list[Tensor | None]) -> bool:
        """torch.distributed.checkpoint makes states by a step of zero gradients at lr 0.

        It is no step of training: a momentum that starts at the first gradient, and a bias
        correction, must not begin with it.
        """
        if any(float(group["lr"]) != 0 for group in self.param_groups):
            return False
        if loss is not None or self._observations or any(self.state.get(p) for p in self._params()):
            return False
        return not any(bool(grad.any()) for grad in grads if grad is not None)

    def _params(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _call(self, plan: Plan, grads: list[Tensor | None], loss: Tensor | None) -> None:
        params = list(self._params())
        self._settle()
        if self._momo() and not self.state:  # thrown away, and with it what the model is of
            self.param_groups[0]["momo_step"].zero_()
        make_states(plan, self.state, params, grads)
        bound = _state.bind(plan, self.state, params)
        device = next(grad.device for grad in grads if grad is not None)
        if self._stats is None or self._stats.numel() != 4 + plan.leaf_count:
            self._stats = torch.zeros(4 + plan.leaf_count, dtype=torch.float64, device=device)
        if self._momo() and self.param_groups[0]["momo"].device != device:  # the model has moved
            self.param_groups[0]["momo"] = self.param_groups[0]["momo"].to(device)
            self._share_model()
        first, none = self.param_groups[0], torch.empty(0, device="cpu")
        lr, decay, momentum = plan.rates([self._canonical(group) for group in self.param_groups])
        ops.step_(
            bound.params,
            grads,
            bound.steps,
            bound.tensors,
            first["momo_step"] if self._momo() else none,
            first["momo"] if self._momo() else none,
            self._stats,
            plan.text,
            bound.live,
            lr,
            decay,
            momentum,
            loss,
        )

    @staticmethod
    def _gradient(group: Group, p: Tensor) -> Tensor | None:
        grad = p.grad
        if grad is None:
            return None
        return grad.neg() if group["maximize"] else grad

    # -- what was done -----------------------------------------------------------------------------

    def stats(self) -> dict[str, dict[str, Any]]:
        """What the last step did, measured now: the step itself pays nothing for it.

        Returns:
            ``{"step": {"D", "q", "model_gap", "skipped", "nonfinite"}, "parameters": {name:
            {"role", "norm", "update_rms", "dual_norm", "spectral_norm", "polar_residual"}}}``;
            None where a recipe has no such number. ``nonfinite`` counts the parameters whose
            gradient, or momentum where the gradient is gone, holds a NaN or Inf. ``model_gap`` is
            Momo's f~ - f*. Parameters without state are left out.
        """
        plan = self._plan()
        bound = _state.bind(plan, self.state, list(self._params()))
        lr, _, _ = plan.rates([self._canonical(group) for group in self.param_groups])
        return _state.stats(plan, bound, self._stats, lr)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_cache" not in self.__dict__:
            self._process_group = None
            self._watch = Watch(type(self).__name__)
            self._reset()
        for group in self.param_groups:
            for key, value in {
                **PLAIN,
                **self.defaults,
            }.items():  # of an older version, without some
                group.setdefault(key, value)
        _state.tensor_steps(self.state)
