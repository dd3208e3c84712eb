# SPDX-License-Identifier: Apache-2.0
"""The logs of runs, as curves: a trainer's metrics.jsonl, or a Logger's file."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Curve = tuple[list[float], list[float]]


class PlotError(Exception):
    """One line for the user."""


@dataclass
class Run:
    """A run's lines, by step; where a step was repeated after a resume, the later ones."""

    name: str
    rows: list[dict[str, Any]]

    def curve(self, key: str, x: str) -> Curve:
        """(x, y) of the lines that have the key; y is NaN where it is null, x steps or seconds."""
        return _curve([(row, row[key]) for row in self.rows if key in row], x)

    def rates(self, x: str) -> list[Curve]:
        """Learning rates over x: every group's where they are logged, else the first group's."""
        count = max((len(row["lrs"]) for row in self.rows if "lrs" in row), default=1)
        found: list[list[tuple[dict[str, Any], Any]]] = [[] for _ in range(count)]
        for row in self.rows:
            if "lr" in row:
                for curve, rate in zip(found, row.get("lrs", [row["lr"]] * count)):
                    curve.append((row, rate))
        return [_curve(curve, x) for curve in found]

    def parameters(self, x: str, number: str = "dual_norm") -> dict[str, Curve]:
        """The ``number`` of each parameter, by name, that has logged it, in the model's order."""
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        for row in self.rows:
            for name, numbers in row.get("parameters", {}).items():
                if number in numbers:
                    found.setdefault(name, []).append((row, numbers[number]))
        return {name: _curve(curve, x) for name, curve in found.items()}


def _curve(points: list[tuple[dict[str, Any], Any]], x: str) -> Curve:
    """The lists (x, y) of a curve through ``points``, pairs of a log's line and its y.

    ``x`` is "steps" or "seconds"; lines without it are left out. A y that is null becomes NaN.
    """
    key = "step" if x == "steps" else x
    points = [(row, y) for row, y in points if row.get(key) is not None]
    return [float(row[key]) for row, _ in points], [_float_or_nan(y) for _, y in points]


def _float_or_nan(value: Any) -> float:
    """A number of a log's line as a float; NaN for null, which stands for NaN and Inf, and text."""
    return float(value) if isinstance(value, (int, float)) else math.nan


# -- reading ---------------------------------------------------------------------------------------


def read_run(path: str) -> Run:
    """Reads a training run's log from its file, or from metrics.jsonl in its folder.

    Where a resumed run has repeated steps, their later lines count. Raises PlotError, one line for
    the user, where the file cannot be read, is empty or has a line that is none of a log.
    """
    place = Path(path)
    file = place / "metrics.jsonl" if place.is_dir() else place
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise PlotError(f"{file}: {reason}") from None
    rows: list[dict[str, Any]] = []
    trained = -1  # the last step with a loss
    for number, line in enumerate(text.splitlines(), 1):
        row = _parse(line, f"{file}:{number}")
        if "loss" in row:
            # A resumed run has repeated these steps: their later lines count.
            while row["step"] <= trained and rows and rows[-1]["step"] >= row["step"]:
                rows.pop()
            trained = row["step"]
        rows.append(row)
    if not rows:
        raise PlotError(f"{file}: no lines yet")
    return Run(place.resolve().name.removesuffix(".jsonl"), rows)


def _parse(line: str, where: str) -> dict[str, Any]:
    """One line of a log; PlotError, which begins with ``where`` ("file:7"), where it is none."""
    try:
        row = json.loads(line)
    except ValueError:
        raise PlotError(f"{where}: received no JSON: {line[:60]}") from None
    if not isinstance(row, dict) or not isinstance(row.get("step"), int):
        raise PlotError(f"{where}: received {line[:60]}, allowed an object with a step")
    return row
