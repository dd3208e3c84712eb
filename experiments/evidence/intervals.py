# SPDX-License-Identifier: Apache-2.0
"""Estimates over seeds, with intervals and p-values: paired t, Fieller, bootstrap; TOST; Holm."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, stdev

from evidence.student import quantile, two_sided

RESAMPLES = 9999
MOST_SEEDS = 1000  # that "seeds needed" looks at


@dataclass(frozen=True)
class Interval:
    """An interval at a level; an end that is None is at infinity."""

    low: float | None
    high: float | None
    level: float

    def excludes(self, number: float) -> bool:
        """Whether the number is outside of it."""
        below = self.low is not None and number < self.low
        return below or (self.high is not None and number > self.high)

    def is_within(self, low: float, high: float) -> bool:
        """Whether all of it is above `low` and below `high`."""
        return (
            self.low is not None and self.high is not None and low < self.low and self.high < high
        )

    def is_outside(self, low: float, high: float) -> bool:
        """Whether all of it is below `low` or above `high`."""
        below = self.high is not None and self.high < low
        return below or (self.low is not None and self.low > high)


class Mean:
    """The mean of one number a seed: a paired difference, say. Needs two seeds."""

    kind = "t"

    def __init__(self, values: Sequence[float]) -> None:
        self.values = list(values)
        self.freedom = len(values) - 1
        self.estimate = fmean(values)
        self.error = stdev(values) / math.sqrt(len(values))

    def interval(self, level: float) -> Interval:
        """mean +- t s / sqrt(n)."""
        half = quantile(level, self.freedom) * self.error
        return Interval(self.estimate - half, self.estimate + half, level)

    def p_value(self, null: float) -> float:
        """Two-sided, of the mean being `null`; 0 where all values are equal, and not to it."""
        gap = self.estimate - null
        return (
            two_sided(
                gap / self.error if self.error else math.copysign(math.inf, gap), self.freedom
            )
            if gap
            else 1.0
        )

    def half_width(self, level: float, seeds: int) -> float:
        """What half of the interval would be with so many seeds of the same spread."""
        return quantile(level, seeds - 1) * self.error * math.sqrt(len(self.values) / seeds)


class Ratio:
    """The ratio of two means over the same seeds, with Fieller's interval."""

    kind = "Fieller"

    def __init__(self, above: Sequence[float], below: Sequence[float]) -> None:
        self.above, self.below = list(above), list(below)
        self.estimate = fmean(above) / fmean(below)
        spread = Mean([a - self.estimate * b for a, b in zip(above, below)])
        self.error = spread.error / abs(fmean(below))
        self.count = len(self.above)

    def interval(self, level: float) -> Interval:
        """All q with (a - q b)^2 <= t^2 (s_aa - 2 q s_ab + q^2 s_bb), a and b the means and s their
        (co)variances. Without ends where b is not clearly different from 0."""
        a, b, n = fmean(self.above), fmean(self.below), self.count
        t2 = quantile(level, n - 1) ** 2 / (n * (n - 1))
        s_aa = t2 * sum((x - a) ** 2 for x in self.above)
        s_bb = t2 * sum((y - b) ** 2 for y in self.below)
        s_ab = t2 * sum((x - a) * (y - b) for x, y in zip(self.above, self.below))
        # (b^2 - s_bb) q^2 - 2 (a b - s_ab) q + (a^2 - s_aa) <= 0
        square, middle, rest = b * b - s_bb, a * b - s_ab, a * a - s_aa
        if square <= 0:
            return Interval(None, None, level)
        root = math.sqrt(max(middle * middle - square * rest, 0.0))
        return Interval((middle - root) / square, (middle + root) / square, level)

    def p_value(self, null: float) -> float:
        """Of the ratio being `null`: of a - null b being 0."""
        return Mean([a - null * b for a, b in zip(self.above, self.below)]).p_value(0.0)

    def half_width(self, level: float, seeds: int) -> float:
        """As of a mean, by the error of a - q b over b."""
        return quantile(level, seeds - 1) * self.error * math.sqrt(self.count / seeds)


@cache
def resamples(seeds: int) -> Counter[tuple[int, ...]]:
    """How often each seed is drawn, 9,999 times: few seeds have few different draws."""
    draw, found = random.Random(0), Counter[tuple[int, ...]]()
    for _ in range(RESAMPLES):
        counts = [0] * seeds
        for place in draw.choices(range(seeds), k=seeds):
            counts[place] += 1
        found[tuple(counts)] += 1
    return found


class Resampled:
    """A statistic of means over seeds that is no mean itself, with a percentile bootstrap."""

    kind = "bootstrap"

    def __init__(self, statistic: Callable[[Sequence[float]], float], seeds: int) -> None:
        """`statistic` takes a weight for each seed, of sum 1."""
        self.count = seeds
        self.estimate = statistic([1 / seeds] * seeds)
        self.sorted: list[float] = []
        for counts, times in resamples(seeds).items():
            self.sorted += times * [statistic([count / seeds for count in counts])]
        self.sorted.sort()

    def interval(self, level: float) -> Interval:
        """The percentiles (1 - level) / 2 on either side."""
        cut = round((RESAMPLES + 1) * (1 - level) / 2)
        place = min(max(cut, 1), RESAMPLES // 2)
        return Interval(self.sorted[place - 1], self.sorted[-place], level)

    def p_value(self, null: float) -> float:
        """Twice the lesser share of resamples on either side of the null, itself counted."""
        below = sum(x <= null for x in self.sorted)
        above = sum(x >= null for x in self.sorted)
        return min(1.0, 2 * (min(below, above) + 1) / (RESAMPLES + 1))

    def half_width(self, level: float, seeds: int) -> float:
        """Half of the interval, shrunk by the root of the number of seeds."""
        now = self.interval(level)
        return (now.high - now.low) / 2 * math.sqrt(self.count / seeds)


class Exact:
    """A number that was counted: it has no noise, and is no test."""

    kind = "none"

    def __init__(self, value: float) -> None:
        self.estimate = value

    def interval(self, level: float) -> Interval:
        """The number itself."""
        return Interval(self.estimate, self.estimate, level)

    def p_value(self, null: float) -> float:
        """Whether it is the null: 1, or 0 where it is not."""
        return float(self.estimate == null)

    def half_width(self, level: float, seeds: int) -> float:
        """None, whatever the seeds."""
        return 0.0


Evidence = Mean | Ratio | Resampled | Exact


@dataclass(frozen=True)
class Tost:
    """Two one-sided tests at 5 % of an effect being between two numbers."""

    low: float | None
    high: float | None
    p: float
    holds: bool


def tost(evidence: Evidence, low: float, high: float) -> Tost:
    """Whether the effect is above `low` and below `high`: the interval of 90 % is within; p is the
    greater of the two one-sided p-values."""
    interval = evidence.interval(0.9)
    parts = []
    for end, beyond in ((low, evidence.estimate > low), (high, evidence.estimate < high)):
        half = evidence.p_value(end) / 2
        parts.append(half if beyond else 1 - half)
    return Tost(interval.low, interval.high, max(parts), interval.is_within(low, high))


def holm(p_values: Sequence[float]) -> list[tuple[float, float]]:
    """Holm's step-down at 5 %: of each p-value the adjusted one, and the level of its interval.

    The i-th smallest of m is held against .05 / (m - i + 1). After the first that is not below,
    none is, and all keep its level.
    """
    count = len(p_values)
    result: list[tuple[float, float]] = [(1.0, 0.95)] * count
    largest, kept = 0.0, None
    for rank, place in enumerate(sorted(range(count), key=lambda i: p_values[i])):
        p, alpha = p_values[place], kept or 0.05 / (count - rank)
        if p >= alpha:
            kept = alpha
        largest = max(largest, min(1.0, (count - rank) * p))
        result[place] = (largest, 1 - alpha)
    return result


def seeds_for(is_enough: Callable[[int], bool], present: int) -> int | None:
    """The least number of seeds, above those present, that is enough; None: more than 1,000."""
    if not is_enough(MOST_SEEDS):
        return None
    low, high = present, MOST_SEEDS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high
