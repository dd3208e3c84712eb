# SPDX-License-Identifier: Apache-2.0
"""What `store` takes from a run's folder beside its line, by the name under which it is stored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any


def lines_in(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file of a run's folder; none where there is no such file."""
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)


def accuracies(folder: Path) -> list[list[float]]:
    """Of each validation: its step, and the accuracy there."""
    found = lines_in(folder / "metrics.jsonl")
    return [[x["step"], x["val_accuracy"]] for x in found if "val_accuracy" in x]


def rank_share(folder: Path, matrix: str) -> float | None:
    """The stable rank of a recorded matrix over its full rank, the mean over blocks and steps."""
    shares = [
        x[matrix]["stable_rank"] / min(x["rows"], x["cols"])
        for x in lines_in(folder / "records.jsonl")
        if x.get(matrix, {}).get("stable_rank")
    ]
    return round(fmean(shares), 6) if shares else None


READERS: dict[str, Callable[[Path], Any]] = {
    "accuracies": accuracies,
    "rank_share": lambda folder: rank_share(folder, "momentum"),
    "update_rank_share": lambda folder: rank_share(folder, "update"),
}
