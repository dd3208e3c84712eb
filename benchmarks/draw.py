# SPDX-License-Identifier: Apache-2.0
"""The picture of a benchmark run: how far each measurement is from its goal."""

from __future__ import annotations

from pathlib import Path

from goals import Row

COLOURS = {"met": "#2a6f97", "missed": "#bc4b32", "not measured": "#9a9a9a"}


def _margin(row: Row) -> float:
    """Above 1: better than wanted."""
    if row.wanted is None or not row.ratio:
        return 1.0
    sign, limit = row.wanted
    return row.ratio / limit if sign == ">=" else limit / row.ratio


def _label(row: Row) -> str:
    peer = "" if row.missing or ";" in row.against else f", to {row.against}"
    return f"{row.goal}  {row.what}{peer}"


def draw(rows: list[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [row for row in rows if row.verdict()]
    places = range(len(shown))
    margins = [_margin(row) for row in shown]
    figure, axes = pyplot.subplots(figsize=(13, 0.27 * len(shown) + 1.4), layout="constrained")
    for place, row, margin in zip(places, shown, margins):
        axes.barh(place, margin - 1, left=1, color=COLOURS[row.verdict()])
        note = "not measured" if row.missing else f"{row.ratio:.3g}{row.unit}"
        if row.wanted:
            note += f"  ({row.wanted[0]} {row.wanted[1]:g})"
        axes.text(max(margin, 1) * 1.06, place, note, va="center", fontsize=7)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(places, [_label(row) for row in shown], fontsize=7)
    axes.set_xscale("log")
    axes.set_xlim(min([0.5, *margins]) / 1.3, max([2, *margins]) * 6)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("times better than the goal (1: just met); in brackets the goal")
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=c) for c in COLOURS.values()]
    axes.legend(handles, COLOURS, loc="lower right", fontsize=7)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
