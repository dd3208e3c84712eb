# SPDX-License-Identifier: Apache-2.0
"""capturable=True: steps that a CUDA graph may record and replay.

The engine then reads rates and the step count where they lie, on the device, and works in memory
that the optimizer keeps. What is a number of the host all the same (momentum, betas, eps) is part
of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._library import ops
from steepest._numbers import read_rate
from steepest._plan import Plan

States = MutableMapping[Tensor, _state.State]


def is_capturable(groups: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the groups, an optimizer's, say capturable; ValueError where they do not agree."""
    flags = {bool(group.get("capturable")) for group in groups}
    if len(flags) == 2:
        raise ValueError("capturable: received True and False, allowed the same in all groups")
    return flags == {True}


class Captured:
    """What lies on the device in place of numbers of the host, and the memory of a step."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.begun = False  # whether the parameters have had a step
        self._step: Tensor | None = None
        self._arena = torch.empty(0, dtype=torch.uint8, device=device)
        self._rates = torch.zeros(2, 0, dtype=torch.float64, device=device)
        self._written: dict[tuple[int, int], float] = {}  # the host's numbers in _rates

    def take_step(
        self,
        plan: Plan,
        groups: list[dict[str, Any]],
        states: States,
        params: list[Tensor],
        grads: list[Tensor | None],
    ) -> None:
        """One step in place on ``params`` and their ``states``, which are complete.

        ``groups`` are the optimizer's with SteepestDescent's keys; ``params`` and ``grads`` are in
        the plan's order. Raises ValueError where the step needs the host, and changes nothing then;
        RuntimeError where a graph would record what only the first step does.
        """
        step = self._shared_step(states, params, grads)
        if not self.begun and _is_capturing(self.device):
            raise RuntimeError("capturable: received a first step in a graph, allowed a later one")
        rows = self._write_rates(plan, groups)
        bound = _state.bind(plan, states, params)
        needed = ops.captured_step_(
            bound.params,
            grads,
            bound.tensors,
            step,
            self._rates,
            self._arena,
            plan.text,
            bound.live,
            rows,
            not self.begun,
        )
        self.begun = True
        if needed > self._arena.numel() and not _is_capturing(self.device):
            self._arena = torch.empty(needed, dtype=torch.uint8, device=self.device)

    def _shared_step(
        self, states: States, params: list[Tensor], grads: list[Tensor | None]
    ) -> Tensor:
        """The one count on the device that is state["step"] of all parameters.

        It is read, once, where they have others: before the first step, and after loading.
        """
        live = [states[p] for p, grad in zip(params, grads) if grad is not None]
        if any(grad is None and states.get(p) for p, grad in zip(params, grads)):
            raise ValueError(
                "capturable: received no gradient of a parameter that has had one, allowed one at "
                "every step: zero_grad(set_to_none=False)"
            )
        if self._step is None or any(state["step"] is not self._step for state in live):
            counts = sorted({float(state["step"]) for state in live})
            if len(counts) > 1:
                raise ValueError(
                    f"capturable: received parameters that have seen {counts[0]:g} to "
                    f"{counts[-1]:g} gradients, allowed the same number"
                )
            self.begun = counts[0] > 0
            self._step = torch.full((), counts[0], dtype=_state.scalar_dtype(), device=self.device)
            for state in live:
                state["step"] = self._step
        return self._step

    def _write_rates(self, plan: Plan, groups: list[dict[str, Any]]) -> list[int]:
        """Brings this step's rates to the device; returns which each of the plan's sides has.

        A tensor is read there, at each step and in a graph. A number is written where it has
        changed, which a graph does not see.
        """
        rows: dict[Any, int] = {}
        own: list[int] = []
        values = []
        for side in plan.sides:
            lr, ratio, decay = _rates_of(plan, groups, side)
            key = (_identity(lr), ratio, _identity(decay))
            if key not in rows:
                rows[key] = len(rows)
                values.append((lr, ratio, decay))
            own.append(rows[key])
        if self._rates.shape[1] != len(rows):
            self._rates = torch.zeros(2, len(rows), dtype=torch.float64, device=self.device)
            self._written = {}
        for column, (lr, ratio, decay) in enumerate(values):
            self._write(0, column, "lr", lr, ratio)
            self._write(1, column, "weight_decay", decay, 1.0)
        return own

    def _write(self, row: int, column: int, name: str, value: Any, factor: float) -> None:
        """Sets one number of _rates to value * factor."""
        target = self._rates[row, column]
        if isinstance(value, Tensor) and value.device == self.device:
            torch.mul(value.detach().reshape(()), factor, out=target)
            self._written.pop((row, column), None)
            return
        if isinstance(value, Tensor):
            raise ValueError(
                f"capturable: {name}: received a tensor on {value.device}, allowed one on "
                f"{self.device} or a number"
            )
        number = read_rate(name, value) * factor
        if self._written.get((row, column)) != number:
            target.fill_(number)
            self._written[row, column] = number


def _rates_of(
    plan: Plan, groups: list[dict[str, Any]], side: tuple[int, str]
) -> tuple[Any, float, Any]:
    """The learning rate of one of the plan's sides, a factor of it, and the weight decay."""
    index, role = side
    group = groups[index]
    lr, decay, ratio = group["lr"], group["weight_decay"], 1.0
    if role == "backup" and index in plan.mixed:
        ratio = read_rate("backup_lr_ratio", group["backup_lr_ratio"])
        own = group["backup_weight_decay"]
        decay = decay if own is None else own
    return lr, ratio, decay


def _identity(value: Any) -> Any:
    """What tells one rate from another: a tensor's identity, as its number may change."""
    return id(value) if isinstance(value, Tensor) else float(value)


def _is_capturing(device: torch.device) -> bool:
    """Whether a graph records what is launched now."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()
