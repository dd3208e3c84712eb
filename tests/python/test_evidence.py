# SPDX-License-Identifier: Apache-2.0
"""The statistics of the verdicts against closed forms, written-out formulas and printed tables."""

import itertools
import math
import statistics

import claims  # noqa: F401  finds experiments/
import pytest
from evidence.intervals import Mean, Ratio, Resampled, holm, seeds_for, tost
from evidence.ranks import ceiling, pairs_apart, tau_b
from evidence.student import quantile, two_sided

VALUES = [0.03, 0.01, 0.04, 0.02, 0.06]


@pytest.mark.parametrize("t", [0.1, 1.0, 3.0, 30.0])
def test_students_t_has_its_closed_forms(t):
    assert two_sided(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(t), rel=1e-12)
    assert two_sided(-t, 2) == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-10)
    s = t / math.sqrt(4 + t * t)
    assert two_sided(t, 4) == pytest.approx(1 - 1.5 * (s - s**3 / 3), rel=1e-9)


@pytest.mark.parametrize(
    "level, freedom, t",
    [(0.95, 1, 12.706), (0.95, 4, 2.776), (0.9, 4, 2.132), (0.95, 9, 2.262), (0.99, 9, 3.250),
     (0.999, 4, 8.610), (0.95, 1000, 1.962)],
)  # fmt: skip
def test_students_t_is_that_of_printed_tables(level, freedom, t):
    assert quantile(level, freedom) == pytest.approx(t, abs=5e-4)
    assert two_sided(quantile(level, freedom), freedom) == pytest.approx(1 - level, rel=1e-9)


def test_the_paired_interval_is_mean_and_t_times_error():
    error = statistics.stdev(VALUES) / math.sqrt(5)
    found = Mean(VALUES).interval(0.95)
    assert found.low == pytest.approx(0.032 - 2.7764451 * error, rel=1e-7)
    assert found.high == pytest.approx(0.032 + 2.7764451 * error, rel=1e-7)
    assert Mean(VALUES).p_value(found.low) == pytest.approx(0.05, rel=1e-9)
    assert found.excludes(0.0) and not found.excludes(0.03)


def test_equal_values_leave_no_doubt():
    same = Mean([0.5, 0.5, 0.5])
    assert same.p_value(0.5) == 1 and same.p_value(0.4) == 0
    assert same.interval(0.99).low == same.interval(0.99).high == 0.5


def test_tost_is_two_one_sided_tests():
    t = [(0.032 - end) / Mean(VALUES).error for end in (-0.05, 0.05)]
    one_sided = [two_sided(x, 4) / 2 for x in t]
    test = tost(Mean(VALUES), -0.05, 0.05)
    assert test.p == pytest.approx(max(one_sided), rel=1e-12) and test.holds == (test.p < 0.05)
    assert tost(Mean(VALUES), -0.06, 0.06).holds and not tost(Mean(VALUES), -0.045, 0.045).holds
    assert tost(Mean(VALUES), -0.03, 0.03).p > 0.5  # the estimate is outside


def test_holm_is_that_of_his_rule():
    # .005 x 4, .01 x 3, .03 x 2, and .04 is no less than the one before it.
    found = holm([0.01, 0.04, 0.03, 0.005])
    assert [p for p, _ in found] == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # .03 is not below .05 / 2, so that .04 keeps its level.
    assert [level for _, level in found] == pytest.approx([1 - 0.05 / 3, 0.975, 0.975, 0.9875])
    assert holm([]) == [] and holm([0.5]) == [(0.5, 0.95)]


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_fiellers_ends_are_ratios_that_the_test_just_allows(level):
    below = [0.11, 0.1, 0.13, 0.09, 0.12]
    found = Ratio(VALUES, below)
    ends = found.interval(level)
    assert found.estimate == pytest.approx(0.032 / 0.11)
    assert ends.low < found.estimate < ends.high
    for end in (ends.low, ends.high):
        assert found.p_value(end) == pytest.approx(1 - level, rel=1e-6)


def test_fieller_has_no_ends_where_the_denominator_may_be_0():
    ends = Ratio(VALUES, [0.1, -0.1, 0.2, -0.15, 0.05]).interval(0.95)
    assert ends.low is None and ends.high is None and not ends.excludes(1e9)


def test_the_bootstrap_is_near_all_resamples():
    values = [0.0, 1.0, 5.0]
    means = sorted(statistics.fmean(x) for x in itertools.product(values, repeat=3))
    found = Resampled(lambda weights: sum(map(float.__mul__, weights, values)), 3)
    assert found.estimate == pytest.approx(2.0)
    # Of the 27 the outermost is one: 1 / 27 > .025 on either side.
    assert found.interval(0.95).low == pytest.approx(means[0])
    assert found.interval(0.95).high == pytest.approx(means[-1])
    share = sum(mean <= 0.5 for mean in means) / 27
    assert found.p_value(0.5) == pytest.approx(2 * share, abs=0.02)
    again = Resampled(lambda weights: sum(map(float.__mul__, weights, values)), 3)
    assert again.sorted == found.sorted


def test_taub_counts_pairs():
    # Of the six pairs: five agree, one is tied in x alone: 5 / sqrt(5 x 6).
    pairs = pairs_apart([1, 2, 3, 4], 0)
    assert tau_b([1, 2, 2, 3], [1, 2, 3, 4], pairs) == pytest.approx(5 / math.sqrt(30))
    assert tau_b([4, 3, 2, 1], [1, 2, 3, 4], pairs) == -1
    assert tau_b([1, 1, 1, 1], [1, 2, 3, 4], pairs) == 0
    assert pairs_apart([1.0, 1.04, 1.2], 0.05) == [(0, 2), (1, 2)]


def test_the_ceiling_compares_halves_of_the_seeds():
    pairs = pairs_apart([1, 2, 3], 0)
    assert ceiling([[1, 1, 1], [2, 2, 2], [3, 3, 3]], pairs) == 1
    # The first half has the means 1, 2, 3, the other 3, 2, 1.
    assert ceiling([[1, 3, 1], [2, 2, 2], [3, 1, 3]], pairs) == -1


def test_the_seeds_needed_are_the_least_that_are_enough():
    assert seeds_for(lambda seeds: seeds >= 37, 5) == 37
    assert seeds_for(lambda seeds: True, 5) == 6
    assert seeds_for(lambda seeds: False, 5) is None
