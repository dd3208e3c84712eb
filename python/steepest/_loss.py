# SPDX-License-Identifier: Apache-2.0
"""Momo's loss, collected over micro-batches."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._numbers import number, number_or_nan, shown
from steepest._options import Group
from steepest._say import warn

GradientVersions = tuple[tuple[int, int], ...]


def _gradient_versions(groups: list[Group]) -> GradientVersions:
    """Identity and version of every gradient: unequal once a backward pass or a zeroing has come.

    So it is known whether gradients have changed since a loss was observed.
    """
    grads = (p.grad for group in groups for p in group["params"])
    return tuple((id(g), g._version) for g in grads if g is not None)


_SOURCES = {"observed": "observe()", "argument": "step(loss=)", "closure": "a closure"}


def refuse_two_losses(name: str, **sources: bool) -> None:
    """Raises ValueError where more than one source has given a step its loss.

    ``name`` begins the message; ``sources``: whether each of observed, argument and closure did.
    """
    given = [_SOURCES[source] for source, present in sources.items() if present]
    if len(given) > 1:
        raise ValueError(f"{name}: loss: received {' and '.join(given)}, allowed one")


def refuse_no_closure(name: str, closure: object) -> None:
    """Raises TypeError, as torch does, where what step was given first is no closure.

    ``name`` is the class's, with which the message begins.
    """
    if closure is not None and not callable(closure):
        raise TypeError(
            f"{name}: step: received {shown(closure)} in the place of the closure, allowed a "
            "function that returns the loss: write step(loss=...) for the loss itself"
        )


def _as_loss(what: str, loss: Any) -> Tensor:
    """A loss as a floating tensor of one element without a graph; ``what`` names it in messages.

    Raises TypeError or ValueError where it is not one real number; NaN and Inf are let through.
    """
    if not isinstance(loss, Tensor):
        return _state.as_tensor(number_or_nan(what, loss))
    if loss.numel() != 1:
        raise ValueError(f"{what}: received shape {tuple(loss.shape)}, allowed one number")
    if loss.is_complex() or loss.dtype == torch.bool:
        raise TypeError(f"{what}: received {loss.dtype}, allowed a real number")
    return loss.detach() if loss.is_floating_point() else loss.detach().double()


def loss_or_none(loss: Any) -> Tensor | None:
    """What a closure has returned as a tensor, where it is a loss; None where it is not."""
    try:
        return _as_loss("loss", loss)
    except (TypeError, ValueError):
        return None


class LossCheck:
    """Says once where a loss is below Momo's bound, and once where it is NaN or Inf.

    A loss on a CUDA GPU is copied to the host beside the step and looked at when it has arrived, a
    step or more later: nobody waits for it. On other accelerators one has to wait, and looks at the
    losses of steps 1, 2, 4, 8 and so on.
    """

    _calls = 0  # of check(); here, as an older version has pickled objects without it

    # Begins with nothing warned of, and no loss on its way from a GPU.
    def __init__(self) -> None:
        self._warned: set[str] = set()  # "below" and "nonfinite", once they were said
        # The copy of a GPU's loss that is on its way to the host, and when it has arrived.
        self._arriving: tuple[Tensor, torch.cuda.Event] | None = None

    def check(self, loss: Tensor, group: Group) -> None:
        """Warns once of a step's loss that is NaN or Inf, and once of one below f_star.

        ``group``, any of the optimizer's, has f_star. A loss on the GPU is not waited for: it is
        copied to the host and looked at by a later call. Within a CUDA graph capture nothing is
        looked at.
        """
        if len(self._warned) == 2:
            return
        self._calls += 1
        if not loss.is_cuda:
            if loss.device.type == "cpu" or self._calls & (self._calls - 1) == 0:
                self._warn_of(float(loss), group)
        elif not torch.cuda.is_current_stream_capturing():
            self._check_later(loss, group)

    def _check_later(self, loss: Tensor, group: Group) -> None:
        """Looks at an earlier loss that has arrived from the GPU, and then sends this one.

        While one is on its way, the next ones are not looked at.
        """
        if self._arriving is not None:
            value, event = self._arriving
            if not event.query():
                return
            self._warn_of(float(value), group)
        self._arriving = self._send(loss)

    @staticmethod
    def _send(loss: Tensor) -> tuple[Tensor, torch.cuda.Event]:
        """Starts a copy of a GPU's loss to the host; the event says when it has arrived."""
        host = torch.empty((), dtype=loss.dtype, device="cpu", pin_memory=True)
        host.copy_(loss.reshape(()), non_blocking=True)
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(loss.device))
        return host, event

    def _warn_of(self, loss: float, group: Group) -> None:
        """Warns of a loss that is NaN, Inf or below f_star, once for either kind."""
        name, f_star = group["recipe"], group["f_star"]
        if not math.isfinite(loss):
            skips = group["nonfinite"] == "skip"
            self._warn_once(
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
            self._warn_once(
                "below",
                f"{name}: loss: received {loss:g}, below f_star={f_star:g}, Momo's lower bound on "
                f"it: where the bound is wrong its steps are 0: write one that holds, such as "
                f"f_star={_bound_below(loss):g}",
            )

    def _warn_once(self, kind: str, message: str) -> None:
        """Warns, unless it has warned of this kind of loss ("below", "nonfinite") before."""
        if kind not in self._warned:
            self._warned.add(kind)
            warn(message)


def _bound_below(loss: float) -> float:
    """A round number well below a loss, to propose as f_star: 0, or minus a power of ten."""
    return 0.0 if loss >= 0 else -(10.0 ** math.ceil(math.log10(-2 * loss)))


class Observations:
    """The losses that were observed since the last step, and their weighted mean."""

    # Begins without any observed loss.
    def __init__(self) -> None:
        # The gradients when each loss was observed, the loss (float64, 0-dim) and its weight.
        self._seen: list[tuple[GradientVersions, Tensor, float]] = []
        self._loss_check = LossCheck()
        self.count = 0  # how many losses were ever observed

    def __bool__(self) -> bool:
        """Whether a loss was observed that no step has used yet."""
        return bool(self._seen)

    def clear(self) -> None:
        """Forgets the observed losses: a step has used them, or was left out."""
        self._seen.clear()

    def add(self, loss: Tensor | float, weight: float, groups: list[Group]) -> None:
        """Adds the loss of a micro-batch; ``groups`` have the gradients of now.

        Raises ValueError unless the loss is one number and the weight finite and above 0.
        """
        value = _as_loss("observe: loss", loss)
        weight = number("observe: weight", weight)
        if weight <= 0:
            raise ValueError(f"observe: weight: received {weight}, allowed a finite number above 0")
        self.count += 1
        self._seen.append((_gradient_versions(groups), value.double().reshape(()), weight))

    def drop_stale(self, groups: list[Group]) -> None:
        """Keeps only the observed losses since which no gradient of ``groups`` has changed.

        Called before gradients are zeroed. Where gradients have changed, the loss's backward pass
        has run, and what it added is about to be thrown away. A loss without a backward pass yet
        belongs to the step to come: programs zero between forward and backward, too.
        """
        if self._seen:
            now = _gradient_versions(groups)
            self._seen = [seen for seen in self._seen if seen[0] == now]

    def mean(self, process_group: Any = None) -> Tensor | None:
        """The mean of the losses observed since the last step, each with its observation's weight.

        It is 0-dim float64, on the losses' device; None where this process has observed none. With
        ``process_group`` it is the mean over the losses of all its processes, by one all_reduce, in
        which a process that has observed none does not take part.
        """
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

    def step_loss(self, loss: Any, group: Group, process_group: Any = None) -> Tensor:
        """The step's loss: the mean of what was observed, or else ``loss``, over the group.

        ``group``, any of the optimizer's, has the recipe's name and f_star. Raises ValueError where
        there is no loss. What was observed stays until :meth:`clear`, as the step may yet be
        refused.
        """
        observed = self.mean(process_group)
        value = observed if observed is not None else loss
        name = group["recipe"]
        if value is None:
            raise ValueError(
                f"{name}: loss: received none, allowed one by observe(loss), by step(loss=) or "
                "by a closure"
            )
        value = _as_loss("loss", value)
        if observed is None and process_group is not None:  # each process has one of its own
            value = value.double().reshape(()).clone()
            torch.distributed.all_reduce(value, group=process_group)
            value /= torch.distributed.get_world_size(process_group)
        self._loss_check.check(value, group)
        return value
