# SPDX-License-Identifier: Apache-2.0
"""Tries every row of the catalog at half-decades of learning rates, and judges its default.

    python experiments/rates/run.py             # what is not in results.json yet
    python experiments/rates/run.py --table     # docs/rates.md's table of what is recorded

A default holds where its loss is within 10 % of the best of the grid on at least 3 of 4 tasks.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import tasks
import torch

import steepest
from steepest._library import ops
from steepest.catalog import CLASSES

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
# The rates that are tried, by row: the lowest and the highest. Constrained steps have a length,
# regularized ones are multiplied by a dual norm, which is small at first.
RANGES = {
    **dict.fromkeys(("sgd", "normalized-sgd"), (1e-3, 3.0)),
    **dict.fromkeys(("signsgd", "adam", "adamw", "soap"), (1e-4, 3e-2)),
    **dict.fromkeys(("polargrad", "muonmax", "neon", "f-star"), (1e-3, 3.0)),
    "scion-lions": (1e-5, 3e-2),
}
USUAL = (1e-3, 3e-1)
# Rows that give all parameters one rate.
ONE_RATE = ("sgd", "normalized-sgd", "signsgd", "adam", "adamw")
TOLERANCE = 1.1  # a default's loss over the best of the grid


def key(row: str, task: str, lr: float, backup_lr: float | None = None) -> str:
    """The name of a trial in results.json."""
    return f"{row} {task} {lr:g}" + ("" if backup_lr is None else f" {backup_lr:g}")


def load() -> dict[str, float]:
    """What is recorded: the validation loss of each trial."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def trials(rows: list[str], backup_lrs: list[float]) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Every row, task and rates that are to be tried, the rates as options of the optimizer."""
    for row in rows:
        for backup_lr in [None] if row in ONE_RATE else backup_lrs:
            for task in tasks.TASKS:
                for lr in tasks.half_decades(*RANGES.get(row, USUAL)):
                    other = {} if backup_lr is None else {"backup_lr": backup_lr}
                    yield row, task, {"lr": lr, **other}


def run_all(rows: list[str], backup_lrs: list[float]) -> None:
    """Runs the trials of these rows that are not recorded, and records each."""
    torch.set_num_threads(1)
    for row, task, rates in trials(rows, backup_lrs):
        name = key(row, task, **rates)
        if name in load():
            continue
        begin = time.perf_counter()
        loss = tasks.train(task, functools.partial(steepest.make, row, **rates))
        RESULTS.write_text(json.dumps({**load(), name: loss}, indent=0, sort_keys=True) + "\n")
        print(f"{name}: {loss:.4f} ({time.perf_counter() - begin:.1f} s)", flush=True)


def judged(results: dict[str, float], row: str) -> dict[str, tuple[float, float, float]] | None:
    """Of each task: the loss at the row's default rates, the best of the grid, and its lr.

    None where the row has not been tried at its defaults.
    """
    defaults = json.loads(ops.row(row, "{}"))
    lr, backup_lr = defaults["matrix"]["lr"], defaults["backup"]["lr"]
    other = None if lr == backup_lr else backup_lr
    found = {}
    for task in tasks.TASKS:
        tried = {
            rate: results[name]
            for rate in tasks.half_decades(1e-6, 1e3)
            if (name := key(row, task, rate, other)) in results
        }
        if (own := key(row, task, lr, other)) not in results:
            return None
        best = min(tried, key=lambda rate: tried[rate])
        found[task] = (results[own], tried[best], best)
    return found


def table(results: dict[str, float]) -> str:
    """The table of docs/choosing.md: each row's default rates, and how they do on each task."""
    heads = ["optimizer", "lr", "backup_lr", *tasks.TASKS, "holds"]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * (len(tasks.TASKS) + 1)]
    for row in CLASSES:
        defaults = json.loads(ops.row(row, "{}"))
        lr, backup_lr = defaults["matrix"]["lr"], defaults["backup"]["lr"]
        rates = [f"{lr:g}", "lr" if lr == backup_lr else f"{backup_lr:g}"]
        cells, count = [], 0
        for own, best, at in (judged(results, row) or {}).values():
            within = own <= TOLERANCE * best
            count += within
            cells.append(f"{own:.3g}" if within else f"{own:.3g} ({best:.3g} at {at:g})")
        holds = f"{count} of {len(tasks.TASKS)}" if cells else "not tried"
        lines.append("| " + " | ".join([row, *rates, *(cells or ["-"] * 4), holds]) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs what is not recorded, or prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=list(CLASSES))
    parser.add_argument("--backup-lr", nargs="*", type=float, default=[3e-3])
    parser.add_argument("--table", action="store_true", help="print the table of what is recorded")
    options = parser.parse_args()
    if options.table:
        print(table(load()), end="")
    else:
        run_all(options.rows, options.backup_lr)


if __name__ == "__main__":
    main()
