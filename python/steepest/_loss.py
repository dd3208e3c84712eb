# SPDX-License-Identifier: Apache-2.0
"""Momo's loss, collected over micro-batches."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._numbers import number, number_or_nan
from steepest._options import Group
from steepest._say import warn

Token = tuple[tuple[int, int], ...]


def _gradients(groups: list[Group]) -> Token:
    """Changes whenever a backward pass or a zeroing touches a gradient."""
    grads = (p.grad for group in groups for p in group["params"])
    return tuple((id(g), g._version) for g in grads if g is not None)


_SOURCES = {"observed": "observe()", "argument": "step(loss=)", "closure": "a closure"}


def refuse_two(name: str, **sources: bool) -> None:
    """ValueError where more than one source has a loss."""
    given = [_SOURCES[source] for source, present in sources.items() if present]
    if len(given) > 1:
        raise ValueError(f"{name}: loss: received {' and '.join(given)}, allowed one")


def _one_number(what: str, loss: Any) -> Tensor:
    """A loss as a tensor; TypeError or ValueError where it is none."""
    if not isinstance(loss, Tensor):
        return _state.as_tensor(number_or_nan(what, loss))
    if loss.numel() != 1:
        raise ValueError(f"{what}: received shape {tuple(loss.shape)}, allowed one number")
    if loss.is_complex() or loss.dtype == torch.bool:
        raise TypeError(f"{what}: received {loss.dtype}, allowed a real number")
    return loss.detach() if loss.is_floating_point() else loss.detach().double()


def real_number(loss: Any) -> Tensor | None:
    """A loss as a tensor; None for whatever else a closure may return."""
    try:
        return _one_number("loss", loss)
    except (TypeError, ValueError):
        return None


class LossCheck:
    """Says once where a loss is below Momo's bound, and once where it is NaN or Inf.

    A loss on a GPU is copied to the host beside the step and looked at when it has arrived, a step
    or more later: nobody waits for it.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._coming: tuple[Tensor, torch.cuda.Event] | None = None

    def check(self, loss: Tensor, group: Group) -> None:
        if len(self._said) == 2:
            return
        if not loss.is_cuda:
            self._judge(float(loss), group)
        elif not torch.cuda.is_current_stream_capturing():
            self._check_later(loss, group)

    def _check_later(self, loss: Tensor, group: Group) -> None:
        if self._coming is not None:
            value, event = self._coming
            if not event.query():
                return
            self._judge(float(value), group)
        self._coming = self._send(loss)

    @staticmethod
    def _send(loss: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        """A copy on the host, and what says that it has arrived."""
        host = torch.empty((), dtype=loss.dtype, device="cpu", pin_memory=True)
        host.copy_(loss.reshape(()), non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(loss.device))
        return host, event

    def _judge(self, loss: float, group: Group) -> None:
        name, f_star = group["recipe"], group["f_star"]
        if not math.isfinite(loss):
            skips = group["nonfinite"] == "skip"
            self._say(
                "nonfinite",
                f"{name}: loss: received {loss}: "
                + (
                    "such a step is refused, as nonfinite says"
                    if skips
                    else "weights and Momo's model are as good as lost; "
                    'nonfinite="skip" refuses such steps'
                ),
            )
        elif not isinstance(f_star, str) and loss < f_star:
            self._say(
                "below",
                f"{name}: loss: received {loss:g}, below f_star={f_star:g}, Momo's lower bound on "
                f"it: where the bound is wrong its steps are 0: write one that holds, such as "
                f"f_star={_bound_below(loss):g}",
            )

    def _say(self, what: str, message: str) -> None:
        if what not in self._said:
            self._said.add(what)
            warn(message)


def _bound_below(loss: float) -> float:
    """A round number well below a loss."""
    return 0.0 if loss >= 0 else -(10.0 ** math.ceil(math.log10(-2 * loss)))


class Observations:
    """A weighted mean that is still open."""

    def __init__(self) -> None:
        self._seen: list[tuple[Token, Tensor, float]] = []
        self._loss_check = LossCheck()
        self.count = 0  # of all that were ever made

    def __bool__(self) -> bool:
        return bool(self._seen)

    def clear(self) -> None:
        self._seen.clear()

    def add(self, loss: Tensor | float, weight: float, groups: list[Group]) -> None:
        """ValueError unless loss is one number and weight finite and above 0."""
        value = _one_number("observe: loss", loss)
        weight = number("observe: weight", weight)
        if weight <= 0:
            raise ValueError(f"observe: weight: received {weight}, allowed a finite number above 0")
        self.count += 1
        self._seen.append((_gradients(groups), value.double().reshape(()), weight))

    def drop_stale(self, groups: list[Group]) -> None:
        """Before gradients are zeroed: what was observed before they came goes with them.

        An observation that no backward pass has followed belongs to the step to come: programs
        zero between the forward and the backward pass, too.
        """
        if self._seen:
            now = _gradients(groups)
            self._seen = [entry for entry in self._seen if entry[0] == now]

    def mean(self, process_group: Any = None) -> Tensor | None:
        """The weighted mean, over all processes of the group; None where nothing was seen."""
        if not self._seen:
            return None
        total = torch.stack([value * weight for _, value, weight in self._seen]).sum()
        pair = torch.stack([total, total.new_tensor(sum(weight for _, _, weight in self._seen))])
        if process_group is not None:
            torch.distributed.all_reduce(pair, group=process_group)
        elif torch.distributed.is_available() and torch.distributed.is_initialized():
            if torch.distributed.get_world_size() > 1:
                warn(
                    "Momo uses this process's loss alone, so replicas drift apart: give the "
                    "optimizer process_group=torch.distributed.group.WORLD"
                )
        return pair[0] / pair[1]

    def take(self, loss: Any, group: Group, process_group: Any = None) -> Tensor:
        """The step's loss: what was observed, or else ``loss``."""
        observed = self.mean(process_group)
        value = observed if observed is not None else loss
        name = group["recipe"]
        if value is None:
            raise ValueError(
                f"{name}: loss: received none, allowed one by observe(loss), by step(loss=) or "
                "by a closure"
            )
        value = _one_number("loss", value)
        self._loss_check.check(value, group)
        return value
