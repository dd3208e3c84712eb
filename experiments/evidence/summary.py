# SPDX-License-Identifier: Apache-2.0
"""What verdict.json says of an experiment's runs: their number, rows, curves and machines."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

from evidence.intervals import Mean

if TYPE_CHECKING:
    from evidence.experiment import Experiment
    from evidence.tables import Place, Table


def tidy(number: float | None) -> float | None:
    """A number of verdict.json: five significant digits."""
    return None if number is None else float(f"{number:.5g}")


def row_of_place(experiment: Experiment, place: Place) -> dict[str, Any]:
    """What verdict.json says of one row."""
    table = experiment.table
    runs, is_hopeless = table.reported.get(place, {}), table.is_hopeless(place)
    seeds = [s for s in experiment.expected["seeds"] if s in runs or is_hopeless]
    found = table.values(place, seeds) or {}
    values, trials, edges = table.choice(place)
    mean = Mean(list(found.values())) if len(seeds) > 1 else None
    interval = mean.interval(0.95) if mean else None
    return {
        "arm": place[0],
        "row": dict(place[1]),
        "values": values,
        "trials": trials,
        "edges": edges,
        "mean": tidy(fmean(found.values())) if found else None,
        "low": tidy(interval.low) if interval else None,
        "high": tidy(interval.high) if interval else None,
        "seeds": {str(seed): tidy(value) for seed, value in found.items()},
        "diverged": [s for s in seeds if s not in runs or runs[s]["status"] != "done"],
        "paper": experiment.paper_loss(place),
    }


def rows_of(experiment: Experiment) -> list[dict[str, Any]]:
    """Each row that has reported runs, or that has only diverged."""
    table = experiment.table
    hopeless = [place for place in table.tuned if table.is_hopeless(place)]
    return [row_of_place(experiment, place) for place in [*table.reported, *hopeless]]


def runs_of(table: Table) -> dict[str, Any]:
    """How many runs there are, and how long they took."""
    unique = {line["key"]: line for line in table.lines}.values()
    count = lambda name, value: sum(line[name] == value for line in table.lines)
    return {
        "tune": count("stage", "tune"),
        "report": count("stage", "report"),
        "diverged": count("status", "diverged"),
        "failed": count("status", "failed"),
        "cpu_minutes": round(sum(line.get("cpu_seconds", 0) for line in unique) / 60, 1),
    }


def curves_of(table: Table) -> list[dict[str, Any]]:
    """The mean training loss of each reported row, where all its seeds have the same steps."""
    found = []
    for (arm, row), runs in table.reported.items():
        curves = [line["curve"] for line in runs.values() if line.get("curve")]
        steps = {tuple(step for step, _ in curve) for curve in curves}
        if len(steps) != 1:
            continue
        means = [fmean(point[1] for point in at) for at in zip(*curves)]
        points = [[step, round(mean, 3)] for step, mean in zip(next(iter(steps)), means)]
        found.append({"arm": arm, "row": dict(row), "points": points})
    return found


def machine_of(table: Table) -> dict[str, list[str]]:
    """Which processors, versions and commits the runs had."""
    versions = {
        ", ".join(f"{name} {number}" for name, number in line["versions"].items())
        for line in table.lines
        if "versions" in line
    }
    found = {"processors": "processor", "commits": "commit"}
    machine = {
        key: sorted({line[name] for line in table.lines if line.get(name)})
        for key, name in found.items()
    }
    return {**machine, "versions": sorted(versions)}
