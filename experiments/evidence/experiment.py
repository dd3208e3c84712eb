# SPDX-License-Identifier: Apache-2.0
"""One experiment: its expectations and its table, and what verdict.json has of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evidence.contrast import Formula, parse
from evidence.decide import UNTESTED, Decision, decide
from evidence.intervals import Evidence, Exact, Mean, Ratio, Resampled, holm
from evidence.notes import rank_notes, rate_curves
from evidence.rates import Window
from evidence.summary import curves_of, machine_of, rows_of, runs_of, tidy
from evidence.tables import Place, Table, row_of

GIVEN = """id claim contrast over side least margin null interval measure paper""".split()


class Experiment:
    """A folder with sweep.toml and expected.json, and maybe with table.jsonl."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.expected: dict[str, Any] = json.loads((folder / "expected.json").read_text())
        self.table = Table(folder, self.expected["measure"])
        self.window: Window | None = None
        if "robustness" in self.expected:
            self.window = self.window_of(self.expected["robustness"])

    def window_of(self, said: dict[str, Any]) -> Window:
        """The window of rates that expected.json says."""
        places = [(arm, row) for arm in said["rows"] for row in self.table.sweep.rows[arm]]
        return Window(said["axis"], places, said["within"])

    def seeds(self, contrast: dict[str, Any]) -> list[int]:
        """The seeds of a contrast: its own, or the experiment's."""
        return list(contrast.get("seeds", self.expected["seeds"]))

    def missing(self, contrast: dict[str, Any]) -> str:
        """Why the contrast cannot be judged: "" where it can."""
        if "not_tested" in contrast:
            return str(contrast["not_tested"])
        if not self.table.lines:
            return "not run"
        places = self.places_of(contrast)
        seeds, measure = self.seeds(contrast), contrast.get("measure")
        gone = [p for p in places if self.table.values(p, seeds, measure) is None]
        if not gone:
            return ""
        return f"runs are missing in {len(gone)} of {len(places)} rows, first in {name_of(gone[0])}"

    def formula(self, contrast: dict[str, Any]) -> Formula:
        """The contrast as a formula."""
        return parse(contrast["contrast"], self.table.sweep.rows)

    def places_of(self, contrast: dict[str, Any]) -> list[Place]:
        """The rows whose runs it needs; all curves where it is about excesses."""
        places = self.formula(contrast).all_places()
        if self.window is not None and "excess" in contrast["contrast"]:
            places = list(dict.fromkeys(places + self.window.places))
        return places

    def by_seed(
        self, places: list[Place], seeds: list[int], measure: str | None = None
    ) -> list[dict[Place, float]]:
        """What was measured of the rows at each seed."""
        found = {place: self.table.values(place, seeds, measure) or {} for place in places}
        return [{place: found[place][seed] for place in places} for seed in seeds]

    def evidence(self, contrast: dict[str, Any]) -> Evidence:
        """The estimate of a contrast with its interval, by the way that it asks for."""
        formula, seeds = self.formula(contrast), self.seeds(contrast)
        losses = self.by_seed(self.places_of(contrast), seeds, contrast.get("measure"))
        kind = contrast.get("interval", "t")
        if kind == "none":
            return Exact(formula.value(losses[0]))
        if kind == "t":
            return Mean([formula.value(at) for at in losses])
        if kind == "Fieller":
            above, below = formula.parts
            return Ratio([above.value(at) for at in losses], [below.value(at) for at in losses])
        excess = self.window.excess if self.window else None
        columns = {place: [at[place] for at in losses] for place in losses[0]}

        # The formula at the means with these weights of the seeds, in place of sums in nats.
        def statistic(weights: Any) -> float:
            means = {
                place: sum(w * x for w, x in zip(weights, column))
                for place, column in columns.items()
            }
            return formula.value(means, excess)

        return Resampled(statistic, len(seeds))

    def by_row(self, contrast: dict[str, Any]) -> list[dict[str, Any]]:
        """Of a difference of two arms over the same rows: the difference in each."""
        formula, seeds = self.formula(contrast), self.seeds(contrast)
        if formula.kind != "-" or any(part.kind != "rows" for part in formula.parts):
            return []
        first, second = ({row: (arm, row) for arm, row in p.places} for p in formula.parts)
        if len(first) < 2 or list(first) != list(second):
            return []
        measure = contrast.get("measure")
        return [self.row_effect(first[row], second[row], seeds, measure) for row in first]

    def row_effect(
        self, first: Place, second: Place, seeds: list[int], measure: str | None
    ) -> dict[str, Any]:
        """The difference of two arms in one row, with its own interval."""
        losses = self.by_seed([first, second], seeds, measure)
        mean = Mean([at[first] - at[second] for at in losses])
        interval = mean.interval(0.95)
        papers = [self.paper_loss(place) for place in (first, second)]
        paper = None if None in papers else papers[0] - papers[1]  # type: ignore[operator]
        return {
            "row": dict(first[1]),
            "estimate": tidy(mean.estimate),
            "low": tidy(interval.low),
            "high": tidy(interval.high),
            "paper": tidy(paper),
        }

    def paper_loss(self, place: Place) -> float | None:
        """The paper's loss of a row of an arm; None where it has none."""
        for said in self.expected.get("paper_losses", []):
            if row_of(said["row"]) == place[1]:
                return said.get(place[0])
        return None

    def judged(self, contrast: dict[str, Any], evidence: Evidence, level: float) -> Decision:
        """The verdict on a contrast whose runs are there."""
        return decide(contrast, evidence, level, len(self.seeds(contrast)))


def name_of(place: Place) -> str:
    """An arm and row for people: "reg/max,ada_2"."""
    words = ",".join(str(value) for _, value in place[1])
    return f"{place[0]}/{words}" if words else place[0]


def contrast_entry(
    experiment: Experiment,
    contrast: dict[str, Any],
    evidence: Evidence | None,
    adjusted: tuple[float, float] | None,
) -> dict[str, Any]:
    """What verdict.json says of a contrast. `adjusted`: Holm's p-value and level; None for "="."""
    entry: dict[str, Any] = {name: contrast[name] for name in GIVEN if name in contrast}
    entry.setdefault("null", 0)
    entry.setdefault("interval", "t")
    empty = dict.fromkeys(
        ("estimate", "low", "high", "level", "p", "p_holm", "tost", "seeds", "seeds_needed")
    )
    if evidence is None:
        why = experiment.missing(contrast)
        return {**entry, "verdict": UNTESTED, "why": why, **empty, "by_row": []}
    level = adjusted[1] if adjusted else 0.95
    found = experiment.judged(contrast, evidence, level)
    seeds = None
    if isinstance(evidence, Mean):
        seeds = {str(s): tidy(v) for s, v in zip(experiment.seeds(contrast), evidence.values)}
    test = found.tost and {
        "low": tidy(found.tost.low),
        "high": tidy(found.tost.high),
        "p": tidy(found.tost.p),
    }
    return {
        **entry,
        "verdict": found.verdict,
        "why": found.why,
        "estimate": tidy(evidence.estimate),
        "low": tidy(found.interval.low),
        "high": tidy(found.interval.high),
        "level": tidy(found.interval.level),
        "p": tidy(evidence.p_value(entry["null"])) if adjusted else None,
        "p_holm": tidy(adjusted[0]) if adjusted else None,
        "tost": test,
        "seeds": seeds,
        "seeds_needed": found.seeds_needed,
        "by_row": experiment.by_row(contrast),
    }


def judge_all(experiments: list[Experiment]) -> list[dict[str, Any]]:
    """verdict.json of each experiment of one paper, Holm's adjustment within them."""
    known: list[tuple[Experiment, dict[str, Any], Evidence | None]] = []
    for experiment in experiments:
        for contrast in experiment.expected["contrasts"]:
            here = None if experiment.missing(contrast) else experiment.evidence(contrast)
            known.append((experiment, contrast, here))
    tested = [(i, c) for i, (_, c, here) in enumerate(known) if here and here.kind != "none"]
    sides = [i for i, c in tested if c["side"] != "="]
    p_values = []
    for i in sides:
        evidence = known[i][2]
        assert evidence is not None
        p_values.append(evidence.p_value(known[i][1].get("null", 0)))
    adjusted = dict(zip(sides, holm(p_values)))
    entries = [contrast_entry(*each, adjusted.get(i)) for i, each in enumerate(known)]
    return [
        report_of(e, [entry for entry, each in zip(entries, known) if each[0] is e])
        for e in experiments
    ]


def report_of(experiment: Experiment, contrasts: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole content of verdict.json."""
    given = {name: experiment.expected[name] for name in ("question", "paper", "measure", "seeds")}
    return {
        **given,
        "runs": runs_of(experiment.table),
        **machine_of(experiment.table),
        "contrasts": contrasts,
        "rows": rows_of(experiment),
        "notes": rank_notes(experiment),
        "rates": rate_curves(experiment),
        "curves": curves_of(experiment.table),
    }
