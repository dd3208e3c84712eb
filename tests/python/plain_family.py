# SPDX-License-Identifier: Apache-2.0
"""A plain float64 loop around directions as papers write them; shares nothing with the library.

One matrix is one object with ``direction(g, w, step)``, which keeps what its paper keeps, momentum
too, and returns (u, s): what the norm is given, and what the weights move along.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import pytest
import torch
from torch import Tensor

import steepest

SHAPES = ((5, 5), (4, 6), (6, 4))


class Plain(Protocol):
    """What a paper's loop keeps of one matrix."""

    def direction(self, g: Tensor, w: Tensor, step: int) -> tuple[Tensor, Tensor]: ...


class Mean:
    """The momentum m <- b m + (1 - b) g, which begins with the first gradient."""

    def __init__(self, b: float) -> None:
        self.b, self.m = b, None

    def __call__(self, g: Tensor) -> Tensor:
        self.m = g if self.m is None else self.b * self.m + (1 - self.b) * g
        return self.m


def polar(m: Tensor) -> Tensor:
    """The polar factor U V^T of m [r, c], by LAPACK; 0 on what m maps to 0, as Newton-Schulz."""
    u, sigma, vh = torch.linalg.svd(m, full_matrices=False)
    return (u * (sigma > 1e-12 * sigma[0])) @ vh


# Of a row, what makes its momentum Mean(.95) and its step the direction's own.
MEAN = {"momentum_form": "ema", "start": "first", "nesterov": False, "radius": "none"}


def check_cases(cases: Sequence[tuple[str, Callable[[float], Plain], dict[str, Any]]]) -> Any:
    """A test class over ``cases``, (row, loop of a momentum, options): each row beside its loop,
    and its Momo form, which must shorten the steps."""
    ids = [plain.__name__ for _, plain, _ in cases]

    @pytest.mark.parametrize(("name", "plain", "options"), cases, ids=ids)
    class Checked:
        def test_a_row_is_its_papers_loop(self, name, plain, options):
            worst, _ = compare(name, lambda i: plain(0.95), **MEAN, **options)
            assert worst < 1e-9

        def test_a_row_takes_the_step_that_momo_allows(self, name, plain, options):
            momo = {"momo": 0.1, "lr": 0.1}
            worst, q = compare(f"{name}-momo", lambda i: plain(0.95), **momo, **MEAN, **options)
            assert worst < 1e-9
            assert q < 0.9

    return Checked


def _gradients(weights: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Gradients of step t [r, c]: noise around the weights, so that errors would feed back."""
    return [
        0.5 * torch.randn(w.shape, generator=generator, dtype=torch.float64) + w for w in weights
    ]


def compare(
    name: str,
    plain: Callable[[int], Plain],
    *,
    shapes: Sequence[tuple[int, int]] = SHAPES,
    steps: int = 20,
    lr: float = 0.02,
    weight_decay: float = 0.1,
    momo: float | None = None,
    scale: Callable[[int, int], float] = lambda r, c: 1.0,
    mean: Callable[[], Callable[[Tensor], Tensor]] | None = None,
    move: Callable[[int, Tensor, Tensor, int], Tensor] | None = None,
    **options: Any,
) -> tuple[float, float]:
    """The largest difference from the optimizer ``name`` in ``steps`` steps, and the smallest q.

    ``plain(i)`` makes the loop of matrix i. ``momo``: the bound f*, under which the step is
    q = min(1, (f~ - f*) / sum R <u, s>) of itself, R = lr scale(r, c), with f~ the mean of the
    losses, and of <g, w> as u is one of the gradients: the momentum must be Mean(momentum), or what
    ``mean`` makes. ``move(i, w, d, step)`` is matrix i after the step d, decayed by lr weight_decay
    by default; ``step`` counts from 1.
    """
    mean = mean or (lambda: Mean(options.get("momentum", 0.95)))
    move = move or (lambda i, w, d, step: w * (1 - lr * weight_decay) - d)
    generator = torch.Generator().manual_seed(7)
    weights = [torch.randn(s, generator=generator, dtype=torch.float64) * 0.3 for s in shapes]
    params = [torch.nn.Parameter(w.clone()) for w in weights]
    extra = {} if momo is None else {"f_star": momo}
    optimizer = steepest.make(
        name,
        [{"params": params, "role": "matrix"}],
        lr=lr,
        weight_decay=weight_decay,
        **{"polar": "svd", "svd": "exact", **options, **extra},
    )
    loops = [plain(i) for i in range(len(shapes))]
    worst, smallest = 0.0, 1.0
    loss_mean, product_means = mean(), [mean() for _ in shapes]
    for step in range(1, steps + 1):
        gradients = _gradients(weights, generator)
        loss = 0.5 * 0.9**step + 0.1
        moves, dual, linear = [], 0.0, 0.0
        for loop, of_product, w, g in zip(loops, product_means, weights, gradients, strict=True):
            u, s = loop.direction(g, w, step)
            moves.append(lr * scale(*w.shape) * s)
            dual += float((u * moves[-1]).sum())
            linear += float((u * w).sum() - of_product((g * w).sum()))
        model = float(loss_mean(torch.tensor(loss, dtype=torch.float64))) + linear
        q = 1.0 if momo is None else min(1.0, max(model - momo, 0.0) / dual)
        pairs = zip(weights, moves, strict=True)
        weights = [move(i, w, q * d, step) for i, (w, d) in enumerate(pairs)]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        if momo is not None:
            optimizer.observe(torch.tensor(loss, dtype=torch.float64))
        optimizer.step()
        with torch.no_grad():
            worst = max(worst, *(float((p - w).abs().max()) for p, w in zip(params, weights)))
        smallest = min(smallest, q)
    return worst, smallest
