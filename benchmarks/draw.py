# SPDX-License-Identifier: Apache-2.0
"""The picture of a benchmark run: one bar a row, the peer at 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(10, 0.34 * len(rows) + 1.2), layout="constrained")
    labels = [f"{r['goal']}  {r['what']}" for r in rows]
    faster = ["faster" in r["wanted"] or "bits" in r["wanted"] for r in rows]
    colours = ["#2a6f97" if f else "#a98467" for f in faster]
    axes.barh(labels, [r["ratio"] for r in rows], color=colours)
    axes.axvline(1, color="black", linewidth=0.8)
    for index, r in enumerate(rows):
        note = f" {r['ratio']:.2f} against {r['against']}, wanted {r['wanted']}"
        axes.text(r["ratio"], index, note, va="center", fontsize=7)
    axes.set_xscale("log")
    axes.set_xlim(right=axes.get_xlim()[1] * 20)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=7)
    axes.set_xlabel("blue: times faster than the peer; brown: times as long as the peer")
    figure.savefig(path, dpi=120)
