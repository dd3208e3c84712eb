# SPDX-License-Identifier: Apache-2.0
"""The picture of a benchmark run: one bar a row, the peer at 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FASTER, LONGER = "#2a6f97", "#a98467"


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    places = range(len(rows))
    faster = ["faster" in r["wanted"] or "bits" in r["wanted"] for r in rows]
    figure, axes = pyplot.subplots(figsize=(12, 0.28 * len(rows) + 1.2), layout="constrained")
    axes.barh(places, [r["ratio"] for r in rows], color=[FASTER if f else LONGER for f in faster])
    axes.axvline(1, color="black", linewidth=0.8)
    for place, r in zip(places, rows):
        note = f" {r['ratio']:.2f}   {r['against']}"
        if r["wanted"] not in ("", "faster"):
            note += f"   goal {r['wanted']}"
        axes.text(max(r["ratio"], 1), place, note, va="center", fontsize=7)
    axes.set_yticks(places, [f"{r['goal']}  {r['what']}" for r in rows], fontsize=7)
    axes.set_xscale("log")
    axes.set_xlim(right=max(r["ratio"] for r in rows) * 300)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("blue: times faster than the peer;  brown: times as long as the peer")
    figure.savefig(path, dpi=110)
