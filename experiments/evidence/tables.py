# SPDX-License-Identifier: Apache-2.0
"""The tables of runs: reading, storing, and what was measured by arm, row and seed."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path
from typing import Any

from evidence.measures import Measure, measure_named
from evidence.readers import READERS

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    from pip._vendor import tomli as tomllib

Line = dict[str, Any]
Row = tuple[tuple[str, Any], ...]  # names and values, sorted by name
Place = tuple[str, Row]  # an arm and its row

KEPT = """key stage arm row values seed status first_loss train_loss val_loss val_accuracy steps
seconds cpu_seconds optimizer_share q_below_1 skipped error versions commit processor""".split()
A_PATH = re.compile(r"(?<![\w.])/(?:\w[\w.+-]*/)+[\w.+-]*")


def row_of(settings: dict[str, Any]) -> Row:
    """Settings as something that can be compared."""
    return tuple(sorted(settings.items()))


class Sweep:
    """What a folder says of its arms, their rows and where its table is: by sweep.toml, or, where a
    script makes the table itself, by `arms` in expected.json: {"arm": [row, ..], ..}."""

    def __init__(self, folder: Path) -> None:
        file = folder / "sweep.toml"
        self.rows: dict[str, list[Row]] = {}
        if not file.exists():
            said = json.loads((folder / "expected.json").read_text())
            self.table = folder / "table.jsonl"
            self.rows = {arm: [row_of(row) for row in rows] for arm, rows in said["arms"].items()}
            return
        sweep = tomllib.loads(file.read_text())
        self.table = folder / sweep.get("out", "sweep") / "table.jsonl"
        for arm in sweep["arm"]:
            axes = flat({**sweep.get("axes", {}), **arm.get("axes", {})})
            names = list(axes)
            self.rows[arm["name"]] = [
                row_of(dict(zip(names, values))) for values in product(*axes.values())
            ]


def flat(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A TOML table with its inner tables' names dotted."""
    found: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict) and "from" not in value:
            found.update(flat(value, prefix + name + "."))
        else:
            found[prefix + name] = value
    return found


def read_lines(path: Path) -> list[Line]:
    """The lines of a table; none where there is no such file."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]


def thinned(line: Line) -> Line:
    """What is stored of a line: no D, and a curve of three decimals of reported runs alone. A path
    in an error becomes "..": tables name no folder of the machine."""
    kept = {name: line[name] for name in KEPT if line.get(name) is not None}
    for name, value in kept.items():
        if isinstance(value, float):
            kept[name] = round(value, 6)
    if "error" in kept:
        kept["error"] = A_PATH.sub("..", str(kept["error"]))
    if line["stage"] == "report" and line.get("curve"):
        kept["curve"] = [[step, round(loss, 3)] for step, loss in line["curve"]]
    return kept


def measures_of(expected: dict[str, Any]) -> list[Measure]:
    """All that an experiment measures: its own measure, and those of contrasts that have one."""
    own = [expected["measure"], *(c["measure"] for c in expected["contrasts"] if "measure" in c)]
    return [measure_named(name) for name in dict.fromkeys(own)]


def read_beside(line: Line, run: Path, names: list[str]) -> Line:
    """What these readers find in a run's folder, of a reported run."""
    if line["stage"] != "report":
        return {}
    found = {name: READERS[name](run) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def store(folder: Path, seeds: list[int]) -> int:
    """Writes table.jsonl from the sweep's table: the runs of this sweep's arms and rows, tuning
    and these seeds. Returns how many lines it has; 0, and nothing written, where there is none. A
    table that a script has made is stored already."""
    sweep = Sweep(folder)
    if sweep.table == folder / "table.jsonl":
        return len(read_lines(sweep.table))
    expected = json.loads((folder / "expected.json").read_text())
    names = [name for measure in measures_of(expected) for name in measure.reads]
    lines = []
    for line in read_lines(sweep.table):
        is_own = row_of(line["row"]) in sweep.rows.get(line["arm"], [])
        if is_own and (line["stage"] == "tune" or line["seed"] in seeds):
            beside = read_beside(line, sweep.table.parent / "runs" / line["key"], names)
            lines.append(json.dumps({**thinned(line), **beside}, separators=(",", ":")))
    if lines:
        (folder / "table.jsonl").write_text("\n".join(lines) + "\n")
    return len(lines)


class Table:
    """The stored runs of an experiment, and its `measure`."""

    def __init__(self, folder: Path, measure: str = "val_loss") -> None:
        self.sweep = Sweep(folder)
        self.measure = measure
        self.lines = read_lines(folder / "table.jsonl")
        self.reported: dict[Place, dict[int, Line]] = {}
        self.tuned: dict[Place, list[Line]] = {}
        for line in self.lines:
            place = (line["arm"], row_of(line["row"]))
            if line["stage"] == "report":
                self.reported.setdefault(place, {})[line["seed"]] = line
            else:
                self.tuned.setdefault(place, []).append(line)

    def worst(self, measure: Measure) -> float:
        """The worst value, that of a run that has diverged or died."""
        ended = [x for x in self.lines if x["stage"] == "report" and x["status"] == "done"]
        return measure.worst([measure.of(line, self.lines) for line in ended], self.lines)

    def value(self, line: Line, measure: Measure) -> float:
        """What was measured of a run: the worst value where it has diverged or died."""
        is_done = line["status"] == "done"
        return measure.of(line, self.lines) if is_done else self.worst(measure)

    def is_hopeless(self, place: Place) -> bool:
        """Whether every trial of a row has diverged or died: it has no reported runs then."""
        trials = self.tuned.get(place, [])
        return bool(trials) and all(line["status"] != "done" for line in trials)

    def values(
        self, place: Place, seeds: list[int], named: str | None = None
    ) -> dict[int, float] | None:
        """What was measured of a row by seed, by the table's measure or another; None where a run
        is missing. A hopeless row has the worst value."""
        measure = measure_named(named or self.measure)
        if self.is_hopeless(place):
            return dict.fromkeys(seeds, self.worst(measure))
        runs = self.reported.get(place, {})
        if any(seed not in runs for seed in seeds):
            return None
        return {seed: self.value(runs[seed], measure) for seed in seeds}

    def choice(self, place: Place) -> tuple[dict[str, Any], int, list[str]]:
        """Of a row: the values that its reported runs have, the number of its trials, and the names
        of three values or more whose best one is at an end of what was tried."""
        trials = self.tuned.get(place, [])
        runs = self.reported.get(place, {})
        values = next(iter(runs.values()))["values"] if runs else {}
        tried: dict[str, set[Any]] = {}
        for line in trials:
            for name, value in line["values"].items():
                tried.setdefault(name, set()).add(value)
        edges = [
            name
            for name, numbers in tried.items()
            if len(numbers) > 2 and values.get(name) in (min(numbers), max(numbers))
        ]
        return values, len(trials), edges
