# SPDX-License-Identifier: Apache-2.0
"""Rank correlation with a paper's losses, over pairs that the paper separates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations


def pairs_apart(numbers: Sequence[float], least: float) -> list[tuple[int, int]]:
    """The pairs of places whose numbers differ by more than `least`."""
    return [
        (i, j)
        for i, j in combinations(range(len(numbers)), 2)
        if abs(numbers[i] - numbers[j]) > least
    ]


def tau_b(xs: Sequence[float], ys: Sequence[float], pairs: Sequence[tuple[int, int]]) -> float:
    """Kendall's tau-b over these pairs: (C - D) / sqrt((n - ties in x) (n - ties in y)); 0 where
    one of them is all ties."""
    score = apart_x = apart_y = 0
    for i, j in pairs:
        x, y = xs[i] - xs[j], ys[i] - ys[j]
        apart_x += x != 0
        apart_y += y != 0
        score += (x > 0) - (x < 0) if y > 0 else (x < 0) - (x > 0) if y < 0 else 0
    return score / math.sqrt(apart_x * apart_y) if apart_x and apart_y else 0.0


def ceiling(losses: Sequence[Sequence[float]], pairs: Sequence[tuple[int, int]]) -> float:
    """The tau-b of two halves of the seeds: every second one against the others. `losses` has the
    seeds' losses of each row."""
    halves = [[sum(row[part::2]) / len(row[part::2]) for row in losses] for part in (0, 1)]
    return tau_b(halves[0], halves[1], pairs)
