# SPDX-License-Identifier: Apache-2.0
"""How the least gradient norm falls with the number of steps, on a convex problem, in four norms.

    python experiments/neon/slopes/run.py

F(X) = <X, M X N> / 2, steps of constant length over each run, by the theorems' rules: lr = c T^-1/2
with full gradients, and with noisy ones lr = c T^-3/4 and a momentum that forgets T^-1/2 a step.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from evidence.scripts import Line, arguments, line_of, seeds_of, write_table  # noqa: E402

import steepest  # noqa: E402

# The norms, and the first of four half decades of c: about the size of X in that norm, over 30.
NORMS = {"frobenius": 0.3, "spectral": 0.03, "inf": 0.003, "nuclear": 0.3}
HORIZONS = [100, 200, 400, 800, 1600, 3200]
TUNED_AT = 400
NOISE = 0.01  # the deviation of each entry of the gradient; its own are about that size at first


def definite(size: int, random: torch.Generator) -> Tensor:
    """A symmetric matrix with eigenvalues uniform in (0, 1)."""
    q, _ = torch.linalg.qr(torch.randn(size, size, generator=random, dtype=torch.float64))
    return ((q * torch.rand(size, generator=random, dtype=torch.float64)) @ q.T).float()


def least_gradient(norm: str, noise: float, c: float, steps: int, seed: int, size: int) -> float:
    """The least Frobenius norm of the full gradient in a run of so many steps."""
    random = torch.Generator().manual_seed(seed)
    left, right = definite(size, random), definite(size, random)
    x = torch.nn.Parameter(0.1 * torch.randn(size, size, generator=random))
    optimizer = steepest.SteepestDescent(
        [x],
        norm=norm,
        outer="max",
        update="constrained",
        polar="svd",
        weight_decay=0,
        lr=c * steps ** (-0.75 if noise else -0.5),
        momentum=1 - steps**-0.5 if noise else 0.0,
    )
    least = math.inf
    for _ in range(steps):
        gradient = left @ x.detach() @ right
        least = min(least, float(gradient.norm()))
        x.grad = gradient + noise * torch.randn(size, size, generator=random)
        optimizer.step()
    return least


def slope(numbers: list[float]) -> float:
    """Of the line through their logarithms over those of the horizons."""
    xs, ys = [math.log(t) for t in HORIZONS], [math.log(y) for y in numbers]
    middle = fmean(xs)
    return sum((x - middle) * y for x, y in zip(xs, ys)) / sum((x - middle) ** 2 for x in xs)


def lines_of(arm: str, noise: float, seeds: list[int], size: int) -> list[Line]:
    """The trials of c with seed 0, and the slopes of the others."""
    lines = []
    for norm, first in NORMS.items():
        row, tried = {"norm": norm}, {}
        for c in (first, 3.33 * first, 10 * first, 33.3 * first):
            tried[c] = least_gradient(norm, noise, c, TUNED_AT, 0, size)
            lines.append(line_of(arm, row, 0, {"c": c}, least_gradient=tried[c]))
        best = min(tried, key=lambda c: tried[c])
        for seed in seeds:
            begin = time.process_time()
            found = [least_gradient(norm, noise, best, t, seed, size) for t in HORIZONS]
            took = time.process_time() - begin
            measured = {"least_gradients": [float(f"{x:.4g}") for x in found], "cpu_seconds": took}
            lines.append(line_of(arm, row, seed, {"c": best}, slope=slope(found), **measured))
    return lines


def main() -> None:
    """The command."""
    given = arguments(__doc__ or "", size=50)
    torch.set_num_threads(1)
    seeds = seeds_of(HERE, given)
    lines = lines_of("full", 0.0, seeds, given.size) + lines_of("noisy", NOISE, seeds, given.size)
    write_table(HERE, lines, given.is_trial)


if __name__ == "__main__":
    main()
