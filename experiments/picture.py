# SPDX-License-Identifier: Apache-2.0
"""Draws an experiment's verdict.json: python experiments/picture.py experiments/variants/lag

Left: every contrast with its interval, what was expected of it, and the paper's number where it
fits; differences and ratios apart. Right: mean training loss of each arm, or, where the experiment
has them, curves of rates; what was measured of each row, where that is no loss or where mean curves
of arms cannot be compared. Writes picture.png beside it; all numbers drawn are in verdict.json.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

sys.path.insert(0, str(Path(__file__).resolve().parent))
from evidence.measures import measure_named  # noqa: E402

COLORS = {
    "confirmed": "#009E73",
    "contradicted": "#D55E00",
    "absent at this scale": "#0072B2",
    "not resolved": "#777777",
}
# Okabe and Ito's colours, which colour-blind eyes tell apart; strokes differ as well.
CYCLE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
STROKES = ["-", "--", "-.", ":"]


def ends(entry: dict[str, Any], reach: float) -> tuple[float, float]:
    """The interval of a contrast; an end at infinity is drawn at the picture's."""
    low, high = entry["low"], entry["high"]
    return (-reach if low is None else low), (reach if high is None else high)


def expected_range(entry: dict[str, Any], reach: float) -> tuple[float, float]:
    """Where the claim wants the effect to be."""
    null = entry["null"]
    if entry["side"] == "=":
        return null - entry["margin"], null + entry["margin"]
    return (-reach, entry["least"]) if entry["side"] == "<" else (entry["least"], reach)


def draw_contrasts(axes: Axes, contrasts: list[dict[str, Any]]) -> None:
    """A forest: a line for each contrast, from the top; pale where the claim wants it."""
    numbers = [e[name] for e in contrasts for name in ("low", "high", "null", "paper")]
    reach = 1.15 * max(abs(x) for x in numbers if isinstance(x, (int, float)))
    for place, entry in enumerate(reversed(contrasts)):
        color = COLORS[entry["verdict"]]
        left, right = expected_range(entry, reach)
        axes.barh(place, right - left, 0.8, left, color="#DDDDDD", zorder=0)
        axes.plot(ends(entry, reach), [place, place], color=color, lw=2, solid_capstyle="butt")
        axes.plot(entry["estimate"], place, "o", color=color, ms=5)
        axes.plot(2 * [entry["null"]], [place - 0.4, place + 0.4], color="black", lw=0.6)
        if isinstance(entry["paper"], (int, float)):
            axes.plot(entry["paper"], place, "x", color="black", ms=5)
    names = [name_of(entry) for entry in reversed(contrasts)]
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlim(-reach if any(x is None or x < 0 for x in numbers[::4]) else 0, reach)


def name_of(entry: dict[str, Any]) -> str:
    """A contrast's label: id and formula in lines of 44 letters, and the verdict."""
    lines = textwrap.wrap(f"{entry['id']}  {entry['contrast']}", 44)
    return "\n".join([*lines, entry["verdict"]])


def draw_curves(axes: Axes, curves: list[dict[str, Any]]) -> None:
    """The training loss of each arm, the mean over its rows."""
    arms: dict[str, list[list[list[float]]]] = {}
    for curve in curves:
        arms.setdefault(curve["arm"], []).append(curve["points"])
    for place, (arm, rows) in enumerate(arms.items()):
        steps = [point[0] for point in rows[0]]
        means = [fmean(point[1] for point in at) for at in zip(*rows)]
        style = {"color": CYCLE[place % 7], "linestyle": STROKES[place % 4]}
        axes.plot(steps, means, label=arm, lw=1.3, **style)
    axes.set_ylim(top=axes.get_ylim()[0] + 0.35 * (axes.get_ylim()[1] - axes.get_ylim()[0]))
    axes.set_xlabel("step")
    axes.set_ylabel("training loss, mean over rows and seeds")


def can_be_compared(verdict: dict[str, Any]) -> bool:
    """Whether curves of training losses tell arms apart: all of them have as many steps, and those
    with several rows the same ones, or there are too many rows to draw each."""
    lengths = {curve["points"][-1][0] for curve in verdict["curves"]}
    rows: dict[str, list[str]] = {}
    for curve in verdict["curves"]:
        rows.setdefault(curve["arm"], []).append(str(sorted(curve["row"].items())))
    means = {tuple(sorted(each)) for each in rows.values() if len(each) > 1}
    is_fair = len(means) < 2 or len(verdict["curves"]) > 20
    return verdict["measure"] == "val_loss" and len(lengths) == 1 and is_fair


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows by arm, and within one by the number that they go through, where it is one."""
    arms = list(dict.fromkeys(row["arm"] for row in rows))

    def place(row: dict[str, Any]) -> tuple[int, list[float]]:
        numbers = [x for x in row["row"].values() if isinstance(x, (int, float))]
        return arms.index(row["arm"]), numbers

    return sorted(rows, key=place)


def draw_rows(axes: Axes, rows: list[dict[str, Any]], label: str) -> None:
    """What was measured of each row, with its interval, from the top."""
    for place, row in enumerate(reversed(rows)):
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=CYCLE[0], lw=2)
        axes.plot(row["mean"], place, "o", color=CYCLE[0], ms=5)
    names = [" ".join([row["arm"], *map(str, row["row"].values())]) for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), names, fontsize=7)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.grid(axis="x", color="#DDDDDD", lw=0.6)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.set_xlabel(label)


def draw_rates(axes: Axes, rates: list[dict[str, Any]]) -> None:
    """The last loss of each row over its window of rates; a Momo row is dashed."""
    names = list(dict.fromkeys(curve["row"].removesuffix("-momo") for curve in rates))
    for curve in rates:
        name = curve["row"].removesuffix("-momo")
        points = sorted(curve["points"])
        color = CYCLE[names.index(name) % 7]
        style = {"color": color, "linestyle": "-" if name == curve["row"] else "--"}
        axes.plot([p[0] for p in points], [p[1] for p in points], label=curve["row"], **style)
    axes.set_xscale("log")
    axes.set_ylim(top=min(axes.get_ylim()[1], 3.2))
    axes.set_xlabel("rate over the plain row's best one")
    axes.set_ylabel("last validation loss")


def draw(folder: Path) -> Path:
    """Draws the experiment in the folder and returns the picture's file."""
    verdict = json.loads((folder / "verdict.json").read_text())
    contrasts = [entry for entry in verdict["contrasts"] if entry["estimate"] is not None]
    parts = [[e for e in contrasts if ("/" in e["contrast"]) == is_ratio] for is_ratio in (0, 1)]
    parts = [part for part in parts if part] or [[]]
    figure = plt.figure(figsize=(10, max(3.8, 0.45 * len(contrasts) + 1)), layout="constrained")
    grid = figure.add_gridspec(len(parts), 2, height_ratios=[len(part) or 1 for part in parts])
    for place, part in enumerate(parts):
        axes = figure.add_subplot(grid[place, 0])
        if part:
            draw_contrasts(axes, part)
    axes.set_xlabel("effect with its interval; grey: as claimed; x: the paper", fontsize=8)
    right = figure.add_subplot(grid[:, 1])
    if verdict["rates"]:
        draw_rates(right, verdict["rates"])
    elif can_be_compared(verdict):
        draw_curves(right, verdict["curves"])
    else:
        draw_rows(right, in_order(verdict["rows"]), measure_named(verdict["measure"]).label)
    if right.get_legend_handles_labels()[0]:
        right.legend(fontsize=7)
    figure.suptitle(verdict["question"], fontsize=10)
    file = folder / "picture.png"
    figure.savefig(file, dpi=110, metadata={"Software": None})
    plt.close(figure)
    return file


if __name__ == "__main__":
    for given in sys.argv[1:]:
        print(draw(Path(given)))
