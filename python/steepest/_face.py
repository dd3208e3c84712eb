# SPDX-License-Identifier: Apache-2.0
"""The torch.optim.Optimizer over the C++ engine: everything but the list of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload

import torch
from torch import Tensor

from steepest import _shared, _state
from steepest._captured import Captured, is_capturable
from steepest._eager import eager
from steepest._entries import make_states
from steepest._groups import Groups
from steepest._library import ops
from steepest._numbers import read_rate
from steepest._observing import Observing
from steepest._options import PLAIN, Group
from steepest._plan import Plan
from steepest._rates import in_todays_keys, sole_role
from steepest._saving import Stateful
from steepest._shared import ALONE
from steepest._shown import describe
from steepest._table import SINCE_0_2
from steepest._watch import Watch

_Value = TypeVar("_Value")  # what a closure returns


class Face(Groups, Observing, Stateful):
    """What every optimizer of the package does; see SteepestDescent for the options."""

    @overload
    def step(self, closure: None = None, *, loss: Tensor | float | None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], _Value]) -> _Value: ...

    @overload
    def step(
        self, closure: Callable[[], _Value] | None = None, *, loss: Tensor | float | None = None
    ) -> _Value | None: ...

    # What a step makes must outlive torch.inference_mode().
    @eager
    @torch.inference_mode(False)
    @torch.no_grad()
    def step(
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
            TypeError: a parameter that was put into a group and cannot be trained; a loss in the
                closure's place.
        """
        result, given = self._evaluate(closure, loss)
        if not self.param_groups:
            return result
        plan = self._plan()
        grads = [_gradient(group, p) for group in self.param_groups for p in group["params"]]
        with_grad = sum(grad is not None for grad in grads)
        self._watch.note_step(with_grad, self._params(), not self.state)
        if with_grad == 0 and not plan.shared:
            self._drop_loss(given)
        elif self._is_empty_step(given, grads):
            make_states(plan, self.state, list(self._params()), grads)
        else:
            self._step_engine(plan, grads, self._take_loss(given))
            self._observations.clear()
        return result

    def _is_empty_step(self, loss: object, grads: list[Tensor | None]) -> bool:
        """Whether this is the step by which torch.distributed.checkpoint makes states.

        It has zero gradients and lr 0, and no state, ``loss`` or observation is there yet. It is no
        step of training, with which a momentum or a bias correction could begin: the caller then
        makes the state tensors and nothing else.
        """
        if loss is not None or self._observations or any(self.state.get(p) for p in self._params()):
            return False
        if any(read_rate("lr", group["lr"]) != 0 for group in self.param_groups):
            return False
        return not any(bool(grad.any()) for grad in grads if grad is not None)

    def _params(self) -> Iterator[Tensor]:
        """All parameters, group after group: the plan's order."""
        for group in self.param_groups:
            yield from group["params"]

    def _step_engine(self, plan: Plan, grads: list[Tensor | None], loss: Tensor | None) -> None:
        """Hands parameters, ``grads`` (one each, in the plan's order), state and rates to C++.

        The operator changes parameters, state and self._stats (see _place_outputs) in place. State
        tensors that are missing are made first. At least one gradient must be there; ``loss`` is
        Momo's, or what nonfinite="skip" looks at.
        """
        params = list(self._params())
        self._copy_held_state()
        if self._momo() and not self.state:  # thrown away, and with it what the model is of
            self.param_groups[0]["momo_step"].zero_()
        make_states(plan, self.state, params, grads)
        device = next((grad.device for grad in grads if grad is not None), params[0].device)
        if is_capturable(self.param_groups):
            if plan.shared:
                raise ValueError(
                    "capturable: received True, allowed False where processes share the parameters"
                )
            self._step_captured(plan, grads, device)
            return
        bound = _state.bind(plan, self.state, params)
        self._place_outputs(device, plan.leaf_count)
        first, none = self.param_groups[0], torch.empty(0, device="cpu")
        lr, decay, momentum = self._rates(plan)
        self._watch.note_rates(plan.sides, lr)
        ops.step_(
            bound.params,
            [_shared.gradient(param, grad) for param, grad in zip(params, grads)],
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

    def _step_captured(self, plan: Plan, grads: list[Tensor | None], device: torch.device) -> None:
        """Takes the step of capturable=True: as :meth:`_step_engine`, without a number read here.

        What the last step of another kind has found is forgotten: this one tells nothing.
        """
        if self._captured is None or self._captured.device != device:
            self._captured = Captured(device)
        groups = [self._canonical(group) for group in self.param_groups]
        self._captured.take_step(plan, groups, self.state, list(self._params()), grads)
        self._stats = None

    def _place_outputs(self, device: torch.device, leaf_count: int) -> None:
        """Makes sure that what a step writes beside the parameters' state lies on ``device``.

        These are Momo's running model, and self._stats for :meth:`stats`: float64 of skipped, D, q,
        f~ - f*, and then a coefficient for each matrix of the plan, its leaf of the outer norm.
        """
        if self._stats is None or self._stats.numel() != 4 + leaf_count:
            self._stats = torch.zeros(4 + leaf_count, dtype=torch.float64, device=device)
        if self._momo() and self.param_groups[0]["momo"].device != device:  # the model has moved
            self.param_groups[0]["momo"] = self.param_groups[0]["momo"].to(device)
            self._share_model()

    def stats(self) -> _state.Stats:
        """What the last step did, measured now: the step itself pays nothing for it.

        Returns:
            ``{"step": {"D", "q", "model_gap", "f_star", "skipped", "nonfinite"}, "parameters":
            {name: {"role", "norm", "update_rms", "dual_norm", "spectral_norm",
            "polar_residual"}}}``; None where a recipe has no such number. ``nonfinite`` counts the
            parameters whose gradient, or momentum where the gradient is gone, holds a NaN or Inf.
            ``model_gap`` is Momo's f~ - f*, ``f_star`` its f*. Parameters without state are left
            out.
        """
        plan = self._plan()
        bound = _state.bind(plan, self.state, list(self._params()))
        lr = self._rates(plan).lr
        return _state.stats(plan, bound, self._stats, lr, self._f_star())

    def last_step(self) -> _state.LastStep:
        """The numbers that the last step itself has computed: nothing is measured for it.

        Returns:
            ``{"D", "q", "model_gap", "f_star", "skipped"}``, as in ``stats()["step"]``; None where
            the recipe's step has no such number, and before the first step.
        """
        return _state.last_step(self._stats, self._f_star())

    def _f_star(self) -> float | None:
        """Momo's lower bound on the loss; None without Momo, or before its first step."""
        stepped = self._momo() and float(self.param_groups[0]["momo_step"]) > 0
        return float(self.param_groups[0]["momo"][2]) if stepped else None

    def __repr__(self) -> str:
        """What each group trains, at which rates, and the choices that are not the class's own.

        All keys, as torch shows them, where the groups are between two changes and have no plan.
        """
        try:
            plan, groups = self._new_plan()
            return describe(type(self), plan, self.param_groups, groups)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            return super().__repr__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Takes over ``state``, as torch's method does, and adds what an older version lacked.

        Python calls it on unpickling and copying, and :meth:`load_state_dict` when it has checked
        what it loads.
        """
        super().__setstate__(state)
        if "_cache" not in self.__dict__:
            self._processes = ALONE
            self._watch = Watch(type(self).__name__)
            self._reset()
        _complete_groups(self)
        _state.tensor_steps(self.state)


def _complete_groups(optimizer: Face) -> None:
    """Gives an optimizer that an older version pickled the defaults and group keys of this one.

    In place: missing keys are added, groups of version 0.1 are translated, and keys that have
    another name now are renamed.
    """
    defaults = optimizer.defaults
    if "backup_lr" not in defaults:
        ratio = defaults.pop("backup_lr_ratio", None)
        defaults["backup_lr"] = defaults["lr"] * (1.0 if ratio is None else ratio)
    initial = {**PLAIN, **defaults}
    del initial["backup_lr"]  # no key of a group: see _add_complete
    for group in optimizer.param_groups:
        if SINCE_0_2 not in group:
            group.update(optimizer._read_old(group))
        renamed = in_todays_keys(group, sole_role(group))
        if renamed is not group:
            group.clear()
            group.update(renamed)
        for key, value in initial.items():
            group.setdefault(key, value)


def _gradient(group: Group, p: Tensor) -> Tensor | None:
    """The gradient of what is minimised: p.grad, or its negated copy under ``maximize``.

    None where ``p`` has no gradient.
    """
    grad = p.grad
    if grad is None:
        return None
    return grad.neg() if group["maximize"] else grad
