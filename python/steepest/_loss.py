# SPDX-License-Identifier: Apache-2.0
"""Momo's loss, collected over micro-batches."""

from __future__ import annotations

import math
import warnings
from typing import Any

import torch
from torch import Tensor

from steepest import _state
from steepest._options import Group

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


class Observations:
    """A weighted mean that is still open."""

    def __init__(self) -> None:
        self._seen: list[tuple[Token, Tensor, float]] = []
        self.count = 0  # of all that were ever made

    def __bool__(self) -> bool:
        return bool(self._seen)

    def clear(self) -> None:
        self._seen.clear()

    def add(self, loss: Tensor | float, weight: float, groups: list[Group]) -> None:
        """ValueError unless loss is one number and weight finite and above 0."""
        value = _state.as_tensor(loss)
        if value.numel() != 1:
            raise ValueError(
                f"observe: loss: received shape {tuple(value.shape)}, allowed one number"
            )
        if not (weight > 0 and math.isfinite(weight)):
            raise ValueError(f"observe: weight: received {weight}, allowed a finite number above 0")
        self.count += 1
        self._seen.append((_gradients(groups), value.double().reshape(()), float(weight)))

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
                warnings.warn(
                    "steepest: Momo uses this process's loss alone, so replicas drift apart: give "
                    "the optimizer process_group=torch.distributed.group.WORLD",
                    stacklevel=5,
                )
        return pair[0] / pair[1]

    def take(self, loss: Any, name: str, process_group: Any = None) -> Tensor:
        """The step's loss: what was observed, or else ``loss``."""
        observed = self.mean(process_group)
        value = observed if observed is not None else loss
        if value is None:
            raise ValueError(
                f"{name}: loss: received none, allowed one by observe(loss), by step(loss=) or "
                "by a closure"
            )
        return _state.as_loss(value)
