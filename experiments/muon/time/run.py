# SPDX-License-Identifier: Apache-2.0
"""The steps and CPU seconds that Muon needs to the training loss that AdamW ends with.

    python experiments/muon/time/run.py

Reads the training losses in the table of ../llm, whose runs of a seed see the same batches.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import fmean

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from evidence.scripts import Line, arguments, line_of, seeds_of, write_table  # noqa: E402
from evidence.tables import read_lines  # noqa: E402

LLM = HERE.parent / "llm" / "table.jsonl"
POINTS = 5  # of a curve, whose points are means over 6 steps: batches differ by more than arms


def smoothed(curve: list[list[float]]) -> list[tuple[float, float]]:
    """The steps of a curve, and the mean of the last few points there."""
    return [
        (curve[end - 1][0], fmean(loss for _, loss in curve[end - POINTS : end]))
        for end in range(POINTS, len(curve) + 1)
    ]


def first_step(curve: list[list[float]], level: float) -> float:
    """The first step at which the smoothed curve is at the level; the last one where none is."""
    return next((step for step, loss in smoothed(curve) if loss <= level), curve[-1][0])


def main() -> None:
    """The command."""
    given, lines = arguments(__doc__ or ""), list[Line]()
    runs = {(x["arm"], x["seed"]): x for x in read_lines(LLM) if x["stage"] == "report"}
    for seed in seeds_of(HERE, given):
        level = smoothed(runs["adamw", seed]["curve"])[-1][1]
        for arm in ("adamw", "muon"):
            run = runs[arm, seed]
            step = first_step(run["curve"], level)
            seconds = step * run["cpu_seconds"] / run["steps"]
            lines.append(
                line_of(arm, {}, seed, steps_to_loss=step, seconds_to_loss=seconds, level=level)
            )
    write_table(HERE, lines, given.is_trial)


if __name__ == "__main__":
    main()
