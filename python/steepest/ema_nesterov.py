# SPDX-License-Identifier: Apache-2.0
"""EMA-Nesterov around any optimizer of torch's: gradients from ahead, along the mean of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest._numbers import count, number_between

_HALF = (torch.float16, torch.bfloat16)


class EMANesterov:
    r"""EMA-Nesterov (arXiv 2605.25395): gradients from ahead, along the mean of past steps.

    .. math:: W' = A(W + \beta_t M), \quad M \leftarrow \gamma M + (1 - \gamma)(W' - W), \quad
              \beta_t = \beta\,\eta_t / \eta_0

    with a step :math:`A` of any optimizer, from gradients at :math:`W + \beta_t M`. Between a step
    and :meth:`look_ahead` the model has the weights to evaluate and save. Momo's model of the loss
    needs ``momo_model="inner_products"``, its default, as weights move beside its steps.

    Args:
        optimizer: one of torch's or of this package, or several, each with parameters of its own.
        look: :math:`\beta`, from 0; .6 for Muon, .3 where a second moment is kept.
        decay: :math:`\gamma`, from 0 to 1.
        start: how many steps only gather :math:`M`.
        stop: from this number of steps on there is no look-ahead; None: there always is.
        scheduled: :math:`\beta_t` follows the first group's lr; False: it is ``look``.

    Raises:
        ValueError: an argument is out of range.

    Example:
        >>> model = torch.nn.Linear(8, 4)
        >>> optimizer = steepest.EMANesterov(steepest.Muon(model, lr=0.02))
        >>> optimizer.look_ahead()  # before the forward pass of a step
        >>> model(torch.randn(2, 8)).square().mean().backward(); optimizer.step()
    """

    # Keeps the optimizers, with a mean of zero; the class's docstring has the arguments.
    def __init__(
        self,
        optimizer: Optimizer | Sequence[Optimizer],
        look: float = 0.6,
        decay: float = 0.99,
        *,
        start: int = 0,
        stop: int | None = None,
        scheduled: bool = True,
    ) -> None:
        self.optimizers = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer)
        self.look = number_between("look", look, 0, float("inf"))
        self.decay = number_between("decay", decay, 0, 1)
        self.start, self.scheduled = count("start", start), scheduled
        self.stop = None if stop is None else count("stop", stop)
        self.steps = 0
        self._means: dict[Tensor, Tensor] = {}  # M of each parameter
        self._before: dict[Tensor, Tensor] | None = None  # W, from look_ahead() to step()
        self._first_lr = self._lr()

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all optimizers, for schedulers, scalers and clipping."""
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self, set_to_none: bool = True) -> None:
        """As torch's, of all optimizers."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none)

    def _params(self) -> list[Tensor]:
        """All parameters, group after group."""
        return [p for group in self.param_groups for p in group["params"]]

    def _lr(self) -> float:
        """The first group's learning rate, as it is now."""
        return float(self.param_groups[0]["lr"])

    def _share(self) -> float:
        """How much of the mean the next step looks ahead by: beta_t, 0 outside of its steps."""
        ended = self.stop is not None and self.steps >= self.stop
        if self.steps < self.start or ended:
            return 0
        if not self.scheduled:
            return self.look
        first = float(self.param_groups[0].get("initial_lr", self._first_lr))
        return self.look * self._lr() / first if first > 0 else 0

    @torch.no_grad()
    def look_ahead(self) -> None:
        """Moves the weights to W + beta_t M, where the step's gradients are to be taken.

        Call it once a step, before the first forward pass. Again before the step, as where
        GradScaler has skipped one, it changes nothing.
        """
        if self._before is not None:
            return
        share = self._share()
        self._before = {p: p.detach().clone() for p in self._params()}
        if share != 0:
            for p in self._before:
                p.add_(self._mean_of(p), alpha=share)

    def _mean_of(self, p: Tensor) -> Tensor:
        """The parameter's M, in float32 at least; zeros at first."""
        if p not in self._means:
            dtype = torch.float32 if p.dtype in _HALF else p.dtype
            self._means[p] = torch.zeros_like(p, dtype=dtype, requires_grad=False)
        return self._means[p]

    def step(self, closure: Callable[[], Any] | None = None, **arguments: Any) -> Any:
        """A step of every optimizer from the weights ahead, then of the mean.

        Args:
            closure: as torch's, for the first optimizer; it is called at the weights ahead.
            arguments: of the optimizers' steps, such as ``loss``.

        Returns:
            The closure's value.

        Raises:
            RuntimeError: :meth:`look_ahead` was not called before the gradients were made.
        """
        if closure is not None:
            self.look_ahead()
        if self._before is None:
            raise RuntimeError(
                "EMANesterov: step: received gradients of weights that have not looked ahead, "
                "allowed behind look_ahead() and a backward pass"
            )
        first, *others = self.optimizers
        result = first.step(**({} if closure is None else {"closure": closure}), **arguments)
        for optimizer in others:
            optimizer.step(**arguments)
        self._take(self._before)
        self._before = None
        self.steps += 1
        return result

    @torch.no_grad()
    def _take(self, before: dict[Tensor, Tensor]) -> None:
        """Takes the step from the weights ``before`` to the present ones into the means."""
        for p, old in before.items():
            mean = self._mean_of(p)
            mean.lerp_(p.to(mean.dtype) - old.to(mean.dtype), 1 - self.decay)

    def state_dict(self) -> dict[str, Any]:
        """The means, the number of steps, and the optimizers' own states.

        Raises RuntimeError between look_ahead() and step(), where the model's weights are others
        than those to save.
        """
        if self._before is not None:
            raise RuntimeError(
                "EMANesterov: state_dict: received weights that have looked ahead, allowed behind "
                "step()"
            )
        return {
            "steps": self.steps,
            "first_lr": self._first_lr,
            "means": [self._mean_of(p).clone() for p in self._params()],
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where :meth:`state_dict` was taken, with a model of the weights of then.

        Raises ValueError where the optimizers or the parameters' shapes are others.
        """
        params, means, saved = self._params(), state["means"], state["optimizers"]
        shapes, wanted = [tuple(m.shape) for m in means], [tuple(p.shape) for p in params]
        if shapes != wanted or len(saved) != len(self.optimizers):
            raise ValueError(
                f"EMANesterov: received a state of {len(means)} parameters and {len(saved)} "
                f"optimizers, allowed {len(params)} of the same shapes and {len(self.optimizers)}"
            )
        for optimizer, own in zip(self.optimizers, saved, strict=True):
            optimizer.load_state_dict(own)
        self._before = None
        with torch.no_grad():
            for p, mean in zip(params, means, strict=True):
                self._mean_of(p).copy_(mean)
        self.steps, self._first_lr = int(state["steps"]), float(state["first_lr"])
