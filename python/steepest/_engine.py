# SPDX-License-Identifier: Apache-2.0
"""The torch.optim.Optimizer over the C++ engine: everything but the list of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from steepest import _options, _state
from steepest._library import ops
from steepest._loss import Observations, refuse_two
from steepest._options import Group
from steepest._params import alien_role, as_params, route_by_name, understand
from steepest._plan import Plan, make_plan, signature
from steepest._saving import Stateful


class Engine(Stateful):
    """What every optimizer of the package does; see SteepestDescent for the options."""

    _row: ClassVar[str] = ""  # of the catalog
    _own: ClassVar[tuple[str, ...]] = ()  # group keys under torch's names, see _canonical

    # -- construction ------------------------------------------------------------------------------

    def _build(self, params: Any, options: Group, process_group: Any = None) -> None:
        self._process_group = process_group
        self._reset()
        _options.check_lr(options["lr"])
        ratio = _options.ratio(options["lr"], options.pop("backup_lr"))
        _options.check_supported(type(self).__name__, options)
        _options.check_momo(options)
        for key in ("polar_dtype", "momentum_dtype"):
            options[key] = _options.dtype_name(options[key])
        defaults = {**_options.PLAIN, **options, "backup_lr_ratio": ratio}
        self._building = True
        super().__init__(as_params(params), defaults)
        self._building = False
        self._plan()

    def _build_row(
        self, params: Any, lr: float | Tensor, options: Group, arguments: str = ""
    ) -> None:
        """The catalog row of the class, with what the caller has chosen otherwise."""
        process_group = options.pop("process_group", None)
        group = _options.with_row(self._row + arguments, self._own, lr, options)
        self._build(params, group, process_group)

    def _reset(self) -> None:
        self._cache: tuple[Any, Plan] | None = None
        self._observations = Observations()
        self._stats: Tensor | None = None

    def add_param_group(self, param_group: Group) -> None:
        """Adds a group; an option that does not fit raises ValueError and leaves all as it was."""
        if isinstance(param_group, dict):
            param_group = self._complete(dict(param_group))
        super().add_param_group(param_group)
        if not getattr(self, "_building", False):
            try:
                self._plan()
            except Exception:
                self.param_groups.pop()
                raise

    def _complete(self, group: Group) -> Group:
        """What follows from the keys that the caller has given."""
        role = group.get("role") or alien_role(group)
        group["role"] = role
        understand(group, self.defaults, self._own, type(self).__name__)
        if role is None and group.get("roles") is None:
            route_by_name(group)
        if "weight_decay" in group:
            group.setdefault("backup_weight_decay", None)  # the group's own, of all in it
        if role == "backup":
            if "lr" not in group:
                group.setdefault("lr_ratio", self.defaults["backup_lr_ratio"])
            own = self.defaults.get("backup_weight_decay")
            if own is not None:
                group.setdefault("weight_decay", own)
        _options.check_momo({**self.defaults, **group})
        if "backup_lr" in group:
            raise ValueError("group: backup_lr: received a value, allowed lr, of the group's role")
        return group

    def _canonical(self, group: Group) -> Group:
        """The group in the vocabulary of SteepestDescent, for classes that keep torch's names."""
        return group

    # -- the plan ----------------------------------------------------------------------------------

    def _plan(self) -> Plan:
        key = signature(self.param_groups)
        if self._cache is None or self._cache[0] != key:
            groups = [self._canonical(group) for group in self.param_groups]
            plan = make_plan(self._name(), groups)
            plan.check_rates(groups)
            self._cache = (key, plan)
            if self._momo():
                self._share_model()
        return self._cache[1]

    def _name(self) -> str:
        return self.param_groups[0]["recipe"]

    def _momo(self) -> bool:
        return self.param_groups[0]["step_size"] == "momo"

    def _share_model(self) -> None:
        """Momo's running model: one pair of tensors, seen by all groups."""
        first = self.param_groups[0]
        if first["momo"] is None:
            device = first["params"][0].device if first["params"] else None
            first["momo_step"] = torch.zeros((), dtype=_state.scalar_dtype())
            first["momo"] = torch.zeros(3, dtype=torch.float64, device=device)
        for group in self.param_groups[1:]:
            group["momo_step"], group["momo"] = first["momo_step"], first["momo"]

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
            return None
        return self._observations.take(loss, self._name(), self._process_group)

    def _refuse_two(self, **sources: bool) -> None:
        if self._momo():
            refuse_two(self._name(), **sources)

    # -- the step ----------------------------------------------------------------------------------

    # The engine is compiled already: torch.compile calls it between its graphs.
    @torch.compiler.disable  # type: ignore[misc]
    @torch.no_grad()
    def step(  # type: ignore[override]
        self, closure: Callable[[], Any] | None = None, *, loss: Tensor | float | None = None
    ) -> Any:
        """One step over all parameters that have a gradient; gradients are not changed.

        Args:
            closure: evaluates the loss again, as in torch; under Momo its value is the loss.
            loss: for Momo, instead of :meth:`observe`.

        Returns:
            The closure's value.

        Raises:
            ValueError: no loss or two losses under Momo, a rate that is negative or not finite, a
                gradient that does not fit its parameter. Nothing has changed then.
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
        plan = self._plan()
        if self._is_empty_step(result if closure is not None else loss):
            self._make_states(plan)
            return result
        value = self._take_loss(result if closure is not None else loss)
        self._call(plan, value)
        self._observations.clear()
        return result

    def _is_empty_step(self, loss: object) -> bool:
        """torch.distributed.checkpoint makes states by a step of zero gradients at lr 0."""
        if not self._momo() or loss is not None or self._observations:
            return False
        grads = [p.grad for p in self._params() if p.grad is not None]
        idle = all(float(group["lr"]) == 0 for group in self.param_groups)
        return idle and not any(bool(grad.any()) for grad in grads)

    def _params(self) -> Iterator[Tensor]:
        for group in self.param_groups:
            yield from group["params"]

    def _make_states(self, plan: Plan) -> None:
        for index, p in enumerate(self._params()):
            if p.grad is not None or self.state.get(p):
                _state.complete(self.state[p], plan, index, p)

    def _call(self, plan: Plan, loss: Tensor | None) -> None:
        grads = [self._gradient(group, p) for group in self.param_groups for p in group["params"]]
        self._settle()
        self._make_states(plan)
        bound = _state.bind(plan, self.state, list(self._params()))
        if self._stats is None or self._stats.numel() != 4 + plan.leaf_count:
            device = next(self._params()).device
            self._stats = torch.zeros(4 + plan.leaf_count, dtype=torch.float64, device=device)
        first, none = self.param_groups[0], torch.empty(0)
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
            self._reset()
        for group in self.param_groups:
            for key, value in self.defaults.items():
                group.setdefault(key, value)
        _state.tensor_steps(self.state)
