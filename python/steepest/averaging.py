# SPDX-License-Identifier: Apache-2.0
"""The average of a model's weights over the last steps of a run, with any optimizer of torch's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from steepest._numbers import count, number_between

_HALF = (torch.float16, torch.bfloat16)


def _mean(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """Returns torch's avg_fn of an EMA: one that takes a model's half precision into float32."""
    return lambda average, own, _: torch.lerp(average, own.to(average.dtype), 1 - decay)


class TailAverage(AveragedModel):
    r"""The mean of a model's weights over the last steps of a run: torch's AveragedModel, and when.

    .. math:: A \leftarrow \beta A + (1 - \beta) W \quad \text{behind every step after } start

    It begins with the weights behind step ``start``, which is best :math:`5 / (1 - \beta)`
    steps or more before the end, so that they are forgotten. Means of half precision are kept in
    float32. The average is a module: call it to evaluate it, or have the model hold it for a while
    by :meth:`swapped`. ``state_dict`` and ``load_state_dict`` are a module's; decay and start are
    the constructor's.

    Args:
        model: whose weights are averaged; it is copied, not changed.
        decay: :math:`\beta`, from 0 to 1; .99 is a mean of some 100 steps.
        start: the step from which on weights are averaged; 1 is the first step.
        use_buffers: average buffers too, instead of copying them.
        device: of the average; None: the model's.

    Raises:
        ValueError: ``decay`` or ``start`` is out of range.

    Example:
        >>> model = torch.nn.Linear(8, 4)
        >>> average = steepest.TailAverage(model, decay=0.99, start=1)
        >>> average.update(model)  # behind each optimizer.step()
        >>> y = average(torch.randn(2, 8))
    """

    steps: Tensor

    # Copies the model; the class's docstring has the arguments.
    def __init__(
        self,
        model: nn.Module,
        decay: float = 0.99,
        start: int = 1,
        *,
        use_buffers: bool = False,
        device: torch.device | int | None = None,
    ) -> None:
        decay = number_between("decay", decay, 0, 1)
        self.start = count("start", start)
        if self.start < 1:
            raise ValueError(f"start: received {self.start}, allowed a whole number from 1")
        half = any(p.dtype in _HALF for p in model.parameters())
        multi = None if half else get_ema_multi_avg_fn(decay)
        super().__init__(model, device, _mean(decay) if half else None, multi, use_buffers)
        self.register_buffer("steps", torch.tensor(0, device=device))
        self.requires_grad_(False)
        for p in self.parameters():
            if p.dtype in _HALF:
                p.data = p.data.float()

    def update(self, model: nn.Module) -> None:
        """Counts a step of the optimizer, and takes the weights that it left into the average."""
        self.steps += 1
        if int(self.steps) >= self.start:
            self.update_parameters(model)

    def _pairs(self, model: nn.Module) -> list[tuple[Tensor, Tensor]]:
        """Each averaged tensor of the model and its average; none before the first average."""
        if int(self.n_averaged) == 0:
            return []
        own, average = model.parameters(), self.module.parameters()
        pairs = zip(own, average, strict=True)
        if not self.use_buffers:
            return list(pairs)
        return list(chain(pairs, zip(model.buffers(), self.module.buffers(), strict=True)))

    @torch.no_grad()
    def read_out(self, model: nn.Module, blend: float = 1) -> None:
        """Moves the model's weights to the average, by the share ``blend`` of the way.

        Before the first average it changes nothing. Raises ValueError for a ``blend`` outside
        [0, 1].
        """
        blend = number_between("blend", blend, 0, 1)
        for own, average in self._pairs(model):
            wide = torch.promote_types(own.dtype, average.dtype)
            own.copy_(average if blend == 1 else torch.lerp(own.to(wide), average.to(wide), blend))

    @contextmanager
    def swapped(self, model: nn.Module, blend: float = 1) -> Iterator[nn.Module]:
        """A context in which the model has the weights of :meth:`read_out`, to evaluate it.

        Behind it the model has its own again, bit for bit.
        """
        pairs = self._pairs(model)
        kept = [own.detach().clone() for own, _ in pairs]
        try:
            self.read_out(model, blend)
            yield model
        finally:
            with torch.no_grad():
                for (own, _), before in zip(pairs, kept, strict=True):
                    own.copy_(before)
