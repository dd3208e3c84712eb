# SPDX-License-Identifier: Apache-2.0
"""What stands beside the verdicts: rank correlation with a paper, and curves of rates."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from evidence.intervals import Mean, Resampled
from evidence.ranks import ceiling, pairs_apart, tau_b

if TYPE_CHECKING:
    from evidence.experiment import Experiment
    from evidence.rates import Window
    from evidence.tables import Place


def rank_notes(experiment: Experiment) -> list[str]:
    """Kendall's tau-b with the paper's losses, within each of the groups of arms that `rank` names,
    and over all; beside the predictor that knows the group alone, and the ceiling. None of it where
    a row is missing."""
    said = experiment.expected.get("rank")
    if said is None:
        return []
    groups = {
        name: [(arm, row) for arm in arms for row in experiment.table.sweep.rows[arm]]
        for name, arms in said["arms"].items()
    }
    groups["all"] = [place for places in groups.values() for place in places]
    bit = {place: float(i) for i, name in enumerate(said["arms"]) for place in groups[name]}
    lines = []
    for name, places in groups.items():
        losses = [experiment.table.values(p, experiment.expected["seeds"]) for p in places]
        papers = [experiment.paper_loss(place) for place in places]
        if any(x is None for x in losses) or any(x is None for x in papers):
            return []
        seeds = [list(found.values()) for found in losses if found]
        numbers = [float(x) for x in papers if x is not None]
        pairs = pairs_apart(numbers, said["least_difference"])
        own = tau_b([fmean(row) for row in seeds], numbers, pairs)
        trivial = tau_b([bit[place] for place in places], numbers, pairs)
        lines.append(
            f"Kendall's tau-b with the paper, {name}, {len(pairs)} pairs more than "
            f"{said['least_difference']:g} apart: {own:.2f}; knowing the group alone "
            f"{trivial:.2f}; two halves of the seeds with each other {ceiling(seeds, pairs):.2f}"
        )
    return lines


def point_of(experiment: Experiment, window: Window, place: Place) -> list[float]:
    """A point of a curve: factor of the best rate, mean loss, ends of its 95 % t interval."""
    losses = experiment.table.values(place, experiment.expected["seeds"]) or {}
    mean = Mean(list(losses.values()))
    interval = mean.interval(0.95)
    assert interval.low is not None and interval.high is not None
    numbers = [mean.estimate, interval.low, interval.high]
    return [dict(place[1])[window.axis], *(round(x, 4) for x in numbers)]


def rate_curves(experiment: Experiment) -> list[dict[str, Any]]:
    """Of each curve of the window: its points, mean excess and decades, with bootstrap intervals.
    Empty where there is no window, or not yet all of its runs."""
    window, seeds = experiment.window, experiment.expected["seeds"]
    if window is None or any(experiment.table.values(p, seeds) is None for p in window.places):
        return []
    losses = experiment.by_seed(window.places, seeds)
    columns = {place: [at[place] for at in losses] for place in window.places}
    curves: dict[str, list[Place]] = {}
    for place in window.places:
        curves.setdefault(place[0], []).append(place)
    found = []
    for arm, places in curves.items():
        entry: dict[str, Any] = {"row": arm}
        curve = window.sorted_places(places)
        entry["points"] = [point_of(experiment, window, place) for place in curve]
        for name, measure in (("excess", window.excess), ("decades", window.decades)):

            def statistic(weights: Any, measure: Any = measure, places: Any = places) -> float:
                means = {p: sum(map(float.__mul__, weights, x)) for p, x in columns.items()}
                return float(measure(places, means))

            numbers = Resampled(statistic, len(seeds))
            ends = numbers.interval(0.95)
            entry[name] = [round(x, 4) for x in (numbers.estimate, ends.low, ends.high)]
        found.append(entry)
    return found
