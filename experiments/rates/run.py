# SPDX-License-Identifier: Apache-2.0
"""Tries every row of the catalog at half-decades of learning rates, and judges its default.

    python experiments/rates/run.py             # what is not in results.json yet
    python experiments/rates/run.py --table     # the table of docs/choosing.md, of what is recorded

A default holds where its loss is within 10 % of the best of the grid on at least 3 of 4 tasks.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Iterator

import tasks
import torch
from judge import HALF_DECADES, default_rates, is_one_rate, key, record, recorded, table

import steepest
from steepest.catalog import CLASSES

# The rates that are tried, by row: the lowest and the highest. Constrained steps have a length,
# regularized ones are multiplied by a dual norm, which is small at first.
RANGES = {
    **dict.fromkeys(("sgd", "normalized-sgd"), (1e-3, 3.0)),
    **dict.fromkeys(("signsgd", "signum", "lion", "adam", "adamw"), (1e-5, 3e-2)),
    **dict.fromkeys(("soap", "kl-soap", "adamh", "muown"), (1e-4, 1e-1)),
    **dict.fromkeys(("shampoo", "asgo", "kl-shampoo"), (1e-4, 1.0)),
    **dict.fromkeys(
        ("polargrad", "muonmax", "shampoomax", "neon", "k-rank", "f-star"), (1e-3, 3.0)
    ),
    "scion-lions": (1e-5, 3e-2),
}
USUAL = (1e-3, 3e-1)


def half_decades(row: str) -> list[float]:
    """The learning rates, two a decade, at which the optimizer ``row`` is tried."""
    low, high = RANGES.get(row, USUAL)
    return [rate for rate in HALF_DECADES if low <= rate <= high]


def trials(rows: list[str], backup_lrs: list[float]) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Yields every optimizer, task and learning rates that are to be tried.

    ``rows`` are names of optimizers. The rates are options, {"lr", "backup_lr"}; ``backup_lrs`` are
    not tried where an optimizer has one default for both.
    """
    for row in rows:
        for backup_lr in [None] if is_one_rate(row) else backup_lrs:
            for task in tasks.TASKS:
                for lr in sorted({*half_decades(row), default_rates(row)[0]}):
                    other = {} if backup_lr is None else {"backup_lr": backup_lr}
                    yield row, task, {"lr": lr, **other}


def run_all(rows: list[str], backup_lrs: list[float]) -> None:
    """Runs the trials of the optimizers ``rows`` that are not recorded; records and prints each."""
    torch.set_num_threads(1)
    for row, task, rates in trials(rows, backup_lrs):
        name = key(row, task, **rates)
        if name in recorded():
            continue
        begin = time.perf_counter()
        loss = tasks.train(task, functools.partial(steepest.make, row, **rates))
        record(name, loss)
        print(f"{name}: {loss:.4f} ({time.perf_counter() - begin:.1f} s)", flush=True)


def main() -> None:
    """Runs the trials that are not recorded, or with --table prints the table of those that are."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=list(CLASSES))
    parser.add_argument("--backup-lr", nargs="*", type=float, default=[3e-3])
    parser.add_argument("--table", action="store_true", help="print the table of what is recorded")
    options = parser.parse_args()
    if options.table:
        print(table(recorded()), end="")
    else:
        run_all(options.rows, options.backup_lr)


if __name__ == "__main__":
    main()
