# SPDX-License-Identifier: Apache-2.0
"""The demo's picture: loss against steps and seconds, final loss against learning rate."""

import json
import pathlib

import matplotlib

matplotlib.use("Agg")
import curves
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind eyes tell apart; markers and strokes differ as well.
COLORS = {"adamw": "#D55E00", "muon": "#0072B2", "momo": "#009E73", "normuon": "#CC79A7"}
MARKERS = {"adamw": "s", "muon": "o", "momo": "^", "normuon": "D"}
STROKES = {"adamw": "--", "muon": "-", "momo": "-.", "normuon": ":"}
LINES = {"bigram": ":", "trigram": "--", "zlib": "-."}


def metrics(run: pathlib.Path) -> list[dict]:
    """The lines of a run's log, in order."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def smooth(values: list[float], width: int = 20) -> list[float]:
    """The mean of the last `width` values: single batches of 2,048 bytes are noisy."""
    return [
        sum(v) / len(v) for v in (values[max(0, i - width + 1) : i + 1] for i in range(len(values)))
    ]


def short(title: str) -> str:
    """A curve's title up to its first comma."""
    return title.split(",")[0]


def look(name: str, markersize: float) -> dict:
    """matplotlib's keywords for the curve ``name``, the same in every panel."""
    style = {"color": COLORS[name], "marker": MARKERS[name], "linestyle": STROKES[name]}
    return {**style, "markersize": markersize, "markeredgecolor": "white", "markeredgewidth": 0.6}


def draw_losses(
    axes: Axes, out: pathlib.Path, x: str, label: str, baselines: dict[str, float]
) -> None:
    """Draws training and validation losses of the runs in ``out`` against their log's key ``x``.

    ``baselines`` are losses by name, in nats a byte, drawn as horizontal lines.
    """
    for name, curve in curves.CURVES.items():
        rows = metrics(out / name)
        train = [r for r in rows if "loss" in r]
        held_out = [r for r in rows if "val_loss" in r]
        color = COLORS[name]
        axes.plot(
            [r[x] for r in train], smooth([r["loss"] for r in train]), color=color, alpha=0.35, lw=1
        )
        axes.plot(
            [r[x] for r in held_out],
            [r["val_loss"] for r in held_out],
            **look(name, markersize=5),
            label=short(curve["title"]),
        )
    for name, style in LINES.items():
        axes.axhline(baselines[name], color="0.4", ls=style, lw=1)
        axes.annotate(
            f"{name} {baselines[name]:.2f}",
            (0.99, baselines[name]),
            xycoords=("axes fraction", "data"),
            ha="right",
            va="bottom",
            fontsize=9,
            color="0.3",
        )
    axes.set(xlabel=label, ylabel="loss, nats a byte", ylim=(1.1, 3.0))


def draw_sweep(axes: Axes, sweep: dict) -> None:
    """Draws final validation losses of the recorded trials against lr, with a star on the best.

    ``sweep`` is that of curves.recorded_sweep(); trials that diverged are left out.
    """
    for name, curve in curves.CURVES.items():
        trials = [t for t in sweep["curves"][name] if t["val_loss"] is not None]
        best = min(trials, key=lambda t: t["val_loss"])
        axes.plot(
            [t["lr"] for t in trials],
            [t["val_loss"] for t in trials],
            **look(name, markersize=6),
            label=f"{short(curve['title'])}: {best['val_loss']:.3f} at {best['lr']:g}",
        )
        axes.plot(
            best["lr"], best["val_loss"], "*", color=COLORS[name], ms=14, mec="black", mew=0.8
        )
    axes.set(xscale="log", xlabel="learning rate", ylabel="final validation loss, nats a byte")


def draw(out: pathlib.Path, sweep: dict, baselines: dict[str, float]) -> pathlib.Path:
    """Draws the runs in ``out`` and the recorded ``sweep`` into out/demo.png; returns its path.

    ``baselines``: see draw_losses.
    """
    # A page shows it 800 pixels wide: one to a point.
    figure, (steps, seconds, rates) = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
    draw_losses(steps, out, "step", "steps", baselines)
    draw_losses(seconds, out, "seconds", "seconds of training", baselines)
    draw_sweep(rates, sweep)
    steps.set_title("validation (marks), training (faint)", fontsize=11)
    seconds.set_title("the same against time", fontsize=11)
    rates.set_title(f"the recorded sweep, {sweep['steps']} steps; star: best", fontsize=11)
    steps.legend(fontsize=9)
    seconds.legend(fontsize=9)
    rates.legend(fontsize=9, loc="upper left")
    for axes in (steps, seconds, rates):
        axes.grid(alpha=0.25)
    picture = out / "demo.png"
    figure.savefig(picture, dpi=140)
    return picture
