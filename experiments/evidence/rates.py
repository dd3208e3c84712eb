# SPDX-License-Identifier: Apache-2.0
"""Robustness to the rate: curves of the loss over a window of rates, linear in log rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evidence.contrast import Losses
from evidence.tables import Place


def log_rates(places: Sequence[Place], axis: str) -> list[float]:
    """The decimal logarithms of the rates of a curve, whose rows differ in `axis` alone."""
    return [math.log10(dict(row)[axis]) for _, row in places]


def mean_over(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The mean of the line through the points, over the window that they span."""
    steps = zip(xs, xs[1:], ys, ys[1:])
    return sum((right - left) * (a + b) / 2 for left, right, a, b in steps) / (xs[-1] - xs[0])


def width_below(xs: Sequence[float], ys: Sequence[float], level: float) -> float:
    """How much of the window the line through the points is at or below a level."""
    width = 0.0
    for left, right, a, b in zip(xs, xs[1:], ys, ys[1:]):
        low, high = min(a, b), max(a, b)
        share = 1.0 if high <= level else 0.0 if low > level else (level - low) / (high - low)
        width += share * (right - left)
    return width


class Window:
    """The curves of an experiment: `axis` is the factor of the best rate, `arms` all of them."""

    def __init__(self, axis: str, places: list[Place], within: float) -> None:
        """Throws ValueError where 1, the best rate, is not among the factors: these are rates."""
        factors = {dict(row)[axis] for _, row in places}
        if 1 not in factors:
            received = ", ".join(f"{factor:g}" for factor in sorted(factors))
            raise ValueError(
                f"robustness.axis {axis!r}: received {received}, "
                "allowed factors of the best rate, 1 among them"
            )
        self.axis, self.places, self.within = axis, places, within

    def sorted_places(self, places: list[Place]) -> list[Place]:
        """A curve's places by their rate."""
        return sorted(places, key=lambda place: dict(place[1])[self.axis])

    def best(self, losses: Losses) -> float:
        """The best loss of all curves."""
        return min(losses[place] for place in self.places)

    def excess(self, places: list[Place], losses: Losses) -> float:
        """The mean over the window of the loss above the best one of all curves."""
        curve = self.sorted_places(places)
        return mean_over(log_rates(curve, self.axis), [losses[p] for p in curve]) - self.best(
            losses
        )

    def decades(self, places: list[Place], losses: Losses) -> float:
        """The decades in which the loss is within a share of the best one of all curves."""
        curve = self.sorted_places(places)
        level = (1 + self.within) * self.best(losses)
        return width_below(log_rates(curve, self.axis), [losses[p] for p in curve], level)
