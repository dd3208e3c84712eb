# SPDX-License-Identifier: Apache-2.0
"""Draws runs: ``python -m steepest.plot RUN... [-o out.png] [--x steps|seconds]``.

A RUN is a folder of the trainer, which holds metrics.jsonl, or a ``.jsonl`` file of a Logger. The
panels: loss with validation loss, learning rates, Momo's q, the dual norm D and, for each run that
has logged them, the dual norms of the parameters.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from steepest._runs import PlotError, Run, read_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Panel = Callable[["Axes"], None]
_LABELS = {"steps": "step", "seconds": "seconds of training"}


def _with_names(runs: list[Run], paths: Sequence[str]) -> list[Run]:
    """The runs with names that differ: those of one name are named by their ``paths`` instead."""
    names = [run.name for run in runs]
    pairs = zip(runs, paths)
    return [Run(p if names.count(r.name) > 1 else r.name, r.rows) for r, p in pairs]


# -- drawing ---------------------------------------------------------------------------------------


def smooth(values: list[float], width: int) -> list[float]:
    """The mean of the last `width` values that are numbers; NaN stays."""
    result = []
    for end, value in enumerate(values, 1):
        seen = [v for v in values[max(0, end - width) : end] if not math.isnan(v)]
        result.append(value if math.isnan(value) else sum(seen) / len(seen))
    return result


# Okabe and Ito's colors, which color-blind eyes tell apart. Runs differ by marker and stroke too.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "os^Dvp*"
_STROKES = ("-", "--", "-.", ":")


def _color(index: int) -> str:
    """The color of run number ``index``, the same in every panel."""
    return _COLORS[index % len(_COLORS)]


def _look(index: int, points: int) -> dict[str, Any]:
    """matplotlib's keywords for the curve of run number ``index``, alike in every panel.

    A curve of so many ``points`` gets about eight marks. The first mark of each run lies elsewhere,
    so that the marks of equal curves are all seen.
    """
    every = max(1, points // 8)
    return {
        "color": _color(index),
        "linestyle": _STROKES[index % len(_STROKES)],
        "marker": _MARKERS[index % len(_MARKERS)],
        "markevery": (min(index * max(1, every // 3), max(0, points - 1)), every),
        "markersize": 5,
    }


def _line_width(index: int, runs: list[Run]) -> float:
    """The line width, in points, of run number ``index``: from 3.7 of the first to 1.3 of the last.

    Where curves lie on each other, all are seen.
    """
    return 1.3 + 2.4 * (len(runs) - 1 - index) / max(1, len(runs) - 1)


def _draw_losses(axes: Axes, runs: list[Run], x: str) -> None:
    """Draws all runs' losses over x: training, faint and smoothed, and validation, as dots."""
    for index, run in enumerate(runs):
        color = _color(index)
        xs, loss = run.curve("loss", x)
        axes.plot(xs, loss, color=color, alpha=0.2, lw=0.8)
        smoothed = smooth(loss, max(1, len(loss) // 40))
        axes.plot(xs, smoothed, **_look(index, len(xs)), lw=1.6, label=run.name)
        held_out, marker = run.curve("val_loss", x), _MARKERS[index % len(_MARKERS)]
        axes.plot(*held_out, marker, color=color, ms=8, mec="black", mew=0.9)
    validated = any("val_loss" in row for run in runs for row in run.rows)
    axes.set_title("loss: smoothed training" + (", validation (large marks)" if validated else ""))


def _draw_rates(axes: Axes, runs: list[Run], x: str) -> None:
    """Draws all runs' learning rates over x: a run's with one look, thin after its first group."""
    several = False
    for index, run in enumerate(runs):
        curves = [c for n, c in enumerate(run.rates(x)) if c not in run.rates(x)[:n]]
        several |= len(curves) > 1
        for number, curve in enumerate(curves):
            width = _line_width(index, runs) if number == 0 else 0.9
            label = run.name if number == 0 else ""
            axes.plot(*curve, **_look(index, len(curve[0])), lw=width, label=label)
    axes.set_title("learning rate" + (", thin: other groups" if several else ""))


def _draw_number(axes: Axes, runs: list[Run], x: str, key: str, title: str) -> None:
    """Draws one curve a run, over x, of the number that the log has under ``key``: "q" or "D"."""
    for index, run in enumerate(runs):
        curve = run.curve(key, x)
        if curve[0]:
            axes.plot(*curve, **_look(index, len(curve[0])), lw=1.4, label=run.name)
    axes.set_title(title)
    if key == "q":
        axes.set_ylim(0, 1.05)


def _draw_parameters(axes: Axes, run: Run, x: str) -> None:
    """Draws the dual norms of a run's parameters over x: matrices dark to light, the rest grey.

    Matrices, which alone have a polar residual, are in the model's order.
    """
    from matplotlib import colormaps

    curves = run.parameters(x)
    matrices = list(run.parameters(x, "polar_residual")) or list(curves)
    colors = colormaps["viridis"].resampled(len(matrices) + 1)
    rest = "the other parameters"
    for name, curve in curves.items():
        if name in matrices:
            axes.plot(*curve, color=colors(matrices.index(name)), lw=1.3, label=name, zorder=3)
        else:
            axes.plot(*curve, color="0.72", lw=0.8, label=rest)
            rest = ""
    axes.set_title(f"dual norm of each parameter: {run.name}")
    columns = 1 + (len(matrices) - 1) // 24
    if columns <= 3:
        axes.legend(
            fontsize=7, ncols=columns, loc="upper left", bbox_to_anchor=(1, 1), frameon=False
        )


def _log_where_it_helps(axes: Axes) -> None:
    """Makes the y axis logarithmic where values are positive or 0 and span a factor of 20.

    It then shows six decades at most, and three where some values are 0.
    """
    lines: list[Any] = axes.get_lines()
    values = [float(y) for line in lines for y in line.get_ydata() if math.isfinite(y)]
    positive = [y for y in values if y > 0]
    if not positive or min(values) < 0 or max(positive) < 20 * min(positive):
        return
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, max(positive) * (1e-3 if 0 in values else 1e-6)), high)


def _panels(runs: list[Run], x: str) -> list[tuple[Panel, bool]]:
    """The panels for which the runs have numbers: what draws each, and whether it is a full row.

    Others take half the figure's width; the loss, which is first, a whole row where that leaves no
    gap.
    """

    def has(key: str) -> bool:  # whether any line of any run has something under the key
        return any(row.get(key) is not None for run in runs for row in run.rows)

    narrow: list[Panel] = [partial(_draw_losses, runs=runs, x=x)]
    if has("lr"):
        narrow.append(partial(_draw_rates, runs=runs, x=x))
    for key, title in (("q", "Momo's q"), ("D", "dual norm D of the network")):
        if has(key):
            narrow.append(partial(_draw_number, runs=runs, x=x, key=key, title=title))
    wide: list[Panel] = [
        partial(_draw_parameters, run=run, x=x) for run in runs if run.parameters(x)
    ]
    odd = len(narrow) % 2 == 1  # the loss then has the first row for itself
    return [(panel, odd and i == 0) for i, panel in enumerate(narrow)] + [(p, True) for p in wide]


def draw(runs: list[Run], x: str = "steps") -> Figure:
    """Draws all runs, a panel for each kind of number that they have; x is "steps" or "seconds".

    Returns a figure of matplotlib's, whose backend is set to Agg, which needs no screen.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = _panels(runs, x)
    cells = sum(2 if wide else 1 for _, wide in panels)
    figure = plt.figure(figsize=(13, 3.9 * cells // 2), layout="constrained")
    grid = figure.add_gridspec(cells // 2, 2)
    cell = 0
    for panel, wide in panels:
        axes = figure.add_subplot(grid[cell // 2, :] if wide else grid[cell // 2, cell % 2])
        panel(axes)
        _finish(axes, x)
        cell += 2 if wide else 1
    return figure


def _finish(axes: Axes, x: str) -> None:
    """Sets what all panels have in common: scale, x axis, grid, and a legend of their lines."""
    _log_where_it_helps(axes)
    axes.set_xlabel(_LABELS[x])
    axes.locator_params(axis="x", integer=x == "steps")
    axes.grid(alpha=0.25, which="both", lw=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.get_legend() is None and 0 < len(axes.get_legend_handles_labels()[1]) <= 24:
        axes.legend(fontsize=9, frameon=False)


# -- the command -----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns the exit status: 0, or 1 after one line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m steepest.plot", description="Draws runs.")
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, or a .jsonl file")
    parser.add_argument("-o", "--output", default="runs.png", help="the picture; default runs.png")
    parser.add_argument("--x", choices=tuple(_LABELS), default="steps", help="default: steps")
    options = parser.parse_args(arguments)
    try:
        runs = _with_names([read_run(path) for path in options.runs], options.runs)
        draw(runs, options.x).savefig(options.output, dpi=130)
    except (PlotError, OSError, ValueError) as error:
        print(f"steepest.plot: {error}", file=sys.stderr)
        return 1
    except ModuleNotFoundError as error:
        print(f"steepest.plot: {error.name} is missing: pip install {error.name}", file=sys.stderr)
        return 1
    print(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
