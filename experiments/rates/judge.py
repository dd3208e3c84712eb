# SPDX-License-Identifier: Apache-2.0
"""Whether the recorded trials of results.json bear the catalog's default learning rates out."""

from __future__ import annotations

import json
import math
from pathlib import Path

from steepest._library import ops
from steepest.catalog import CLASSES

RESULTS = Path(__file__).resolve().parent / "results.json"
TASKS = ("gpt", "lstm", "mlp", "cnn")
TOLERANCE = 1.1  # a default's loss over the best of the grid
HALF_DECADES = [float(f"{digit}e{power}") for power in range(-6, 3) for digit in (1, 3)]


def default_rates(row: str) -> tuple[float, float]:
    """The default lr and backup_lr of the optimizer that is named ``row`` in the catalog."""
    choices = json.loads(ops.row(row, "{}"))
    return choices["matrix"]["lr"], choices["backup"]["lr"]


def is_one_rate(row: str) -> bool:
    """Whether an optimizer's default lr and backup_lr are equal, so that lr alone is tried.

    ``row`` is its name in the catalog.
    """
    lr, backup_lr = default_rates(row)
    return lr == backup_lr


def key(row: str, task: str, lr: float, backup_lr: float | None = None) -> str:
    """The name of a trial in results.json, such as "muon mlp 0.03 0.003".

    ``row`` is the optimizer's name, ``task`` a key of TASKS; backup_lr is None where it is lr.
    """
    return f"{row} {task} {lr:g}" + ("" if backup_lr is None else f" {backup_lr:g}")


def recorded() -> dict[str, float]:
    """Reads results.json: the validation loss of each trial so far, by :func:`key`'s name.

    inf where it diverged; {} without the file.
    """
    losses = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    return {name: math.inf if loss is None else loss for name, loss in losses.items()}


def record(name: str, loss: float) -> None:
    """Adds the trial ``name`` to results.json; a ``loss`` that is not finite is written as null."""
    losses = {**recorded(), name: loss}
    plain = {name: loss if math.isfinite(loss) else None for name, loss in losses.items()}
    RESULTS.write_text(json.dumps(plain, indent=0, sort_keys=True) + "\n")


def judged(results: dict[str, float], row: str) -> dict[str, tuple[float, float, float]] | None:
    """For each task: the loss at the optimizer's default lr, the best loss tried, and its lr.

    ``results`` are those of :func:`recorded`, ``row`` is the optimizer's name. backup_lr is the
    default in all, or follows lr. None where some task has not been tried at the defaults.
    """
    lr, backup_lr = default_rates(row)
    other = None if is_one_rate(row) else backup_lr
    found = {}
    for task in TASKS:
        rates = {*HALF_DECADES, lr}
        tried = {
            rate: results[name]
            for rate in sorted(rates)
            if (name := key(row, task, rate, other)) in results
        }
        if (own := key(row, task, lr, other)) not in results:
            return None
        best = min(tried, key=lambda rate: tried[rate])
        found[task] = (results[own], tried[best], best)
    return found


def table(results: dict[str, float]) -> str:
    """The table of docs/choosing.md: each row's default rates, and how they do on each task."""
    heads = ["optimizer", "lr", "backup_lr", *TASKS, "holds"]
    lines = ["| " + " | ".join(heads) + " |", "|---|---|---|" + "---|" * (len(TASKS) + 1)]
    for row in CLASSES:
        lr, backup_lr = default_rates(row)
        rates = [f"{lr:g}", "as `lr`" if is_one_rate(row) else f"{backup_lr:g}"]
        cells, count = [], 0
        for own, best, at in (judged(results, row) or {}).values():
            within = own <= TOLERANCE * best
            count += within
            cells.append(f"{own:.3g}" if within else f"{own:.3g} ({best:.3g} at {at:g})")
        holds = f"{count} of {len(TASKS)}" if cells else "not tried"
        lines.append("| " + " | ".join([row, *rates, *(cells or ["-"] * 4), holds]) + " |")
    return "\n".join(lines) + "\n"
