# SPDX-License-Identifier: Apache-2.0
"""The pictures of docs/idea.md, from numbers that steepest itself computes.

    python docs/pictures.py            # docs/pictures/*.svg (needs matplotlib)
    python docs/pictures.py --check    # the numbers alone

Every number is compared with the formula beside it on the page: a picture that does not agree is
not drawn.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import steepest

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent / "pictures"
# Okabe and Ito's colours, which colour-blind eyes tell apart; shapes and strokes differ as well.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#555555"
Point = tuple[float, float]


def agree(what: str, got: float, wanted: float, tol: float = 1e-9) -> None:
    """Raises AssertionError, with ``what``, where two numbers differ by more than ``tol``."""
    assert abs(got - wanted) <= tol * max(1.0, abs(wanted)), f"{what}: {got}, formula: {wanted}"


def alone(*params: Tensor) -> list[dict]:
    """Groups that say of each parameter what it is: of two dimensions a matrix."""
    return [{"params": [p], "role": "matrix" if p.dim() == 2 else "backup"} for p in params]


# -- 1. unit balls ---------------------------------------------------------------------------------

M = (1.0, 0.45)  # the singular values of the momentum


def _octagon(x: float, y: float) -> float:
    """The gauge of half the square plus half the diamond, an octagon: its two kinds of edges.

    The dual norm of the sum is (|x| + |y|) / 2 + max(|x|, |y|) / 2. Its own unit ball has the
    corners (1, 0), (2/3, 2/3) and so on, and these are the normals of the octagon's edges.
    """
    x, y = abs(x), abs(y)
    return max(x, y, (x + y) / 1.5)


# name, title, the gauge of the ball, the dual norm: of the two singular values
BALLS: list[tuple[str, str, Callable[[float, float], float], Callable[[float, float], float]]] = [
    ("frobenius", "frobenius: a circle", math.hypot, math.hypot),
    ("spectral", "spectral: a square", lambda x, y: max(abs(x), abs(y)), lambda x, y: x + y),
    ("nuclear", "nuclear: a diamond", lambda x, y: abs(x) + abs(y), max),
    (
        "0.5*spectral+0.5*nuclear",
        "half of each: an octagon",
        _octagon,
        lambda x, y: (x + y + max(x, y)) / 2,
    ),
]


def boundary(gauge: Callable[[float, float], float], count: int = 240) -> list[Point]:
    """Points of the boundary of the ball that has this gauge."""
    angles = [2 * math.pi * i / count for i in range(count + 1)]
    rays = [(math.cos(angle), math.sin(angle)) for angle in angles]
    return [(x / gauge(x, y), y / gauge(x, y)) for x, y in rays]


def steepest_in_ball(index: int) -> tuple[Point, float]:
    """The direction and the dual of diag(M) in ball number ``index``: no point reaches further."""
    name, _, gauge, dual_norm = BALLS[index]
    m = torch.diag(torch.tensor(M, dtype=torch.float64))
    direction, dual = steepest.steepest(m, norm=name, polar="svd", svd="exact")
    s = (float(direction[0, 0]), float(direction[1, 1]))
    agree(f"{name}: off the diagonal", float((direction - direction.diag().diag()).norm()), 0)
    agree(f"{name}: <m, s>", M[0] * s[0] + M[1] * s[1], float(dual))
    agree(f"{name}: dual norm", float(dual), dual_norm(*M))
    agree(f"{name}: s on the boundary", gauge(*s), 1)
    furthest = max(M[0] * x + M[1] * y for x, y in boundary(gauge))
    assert furthest <= float(dual) + 1e-12, f"{name}: a point of the ball reaches {furthest}"
    return s, float(dual)


def draw_balls(figure: Figure) -> None:
    """Picture 1: each ball, the momentum, and the point of the ball that reaches furthest."""
    for number, axes in enumerate(figure.subplots(2, 2).flat):
        _, title, gauge, _ = BALLS[number]
        s, dual = steepest_in_ball(number)
        xs, ys = zip(*boundary(gauge), strict=True)
        axes.fill(xs, ys, color=BLUE, alpha=0.15)
        axes.plot(xs, ys, color=BLUE, lw=1.8, label="unit ball")
        along = torch.tensor([-2.0, 2.0])
        foot = [dual * v / math.hypot(*M) ** 2 for v in M]
        axes.plot(
            foot[0] - along * M[1],
            foot[1] + along * M[0],
            "--",
            color=GREY,
            lw=1.2,
            label="<m, x> = dual",
        )
        arrow(axes, M, ORANGE, "momentum m")
        axes.plot(*s, "D", color=GREEN, ms=9, mec="white", label="direction s", zorder=5)
        axes.set(
            xlim=(-1.25, 1.55),
            ylim=(-1.25, 1.55),
            aspect="equal",
            xticks=[-1, 0, 1],
            yticks=[-1, 0, 1],
        )
        axes.set_title(f"{title}\ns = ({s[0]:.2f}, {s[1]:.2f}), dual {dual:.2f}", fontsize=12)
        if number >= 2:
            axes.set_xlabel("first singular value")
        if number % 2 == 0:
            axes.set_ylabel("second singular value")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)


def arrow(axes: Axes, tip: Point, color: str, label: str) -> None:
    """An arrow from the origin, with an entry in the legend."""
    axes.annotate("", tip, (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 2})
    axes.plot([], [], ">-", color=color, label=label)


# -- 2. the outer norm -----------------------------------------------------------------------------

DUALS = {"matrix 1": 3.0, "matrix 2": 1.0, "bias": 2.0}


def shares(outer: str) -> list[float]:
    """How far a constrained step moves each block, in units of its radius: c_l / D.

    The blocks are a matrix each of one number, and a bias, so that the norm of a step is its size.
    """
    params = [torch.zeros(1, 1), torch.zeros(1, 1), torch.zeros(1)]
    params = [torch.nn.Parameter(p.double()) for p in params]
    optimizer = steepest.SteepestDescent(
        alone(*params),
        lr=0.5,
        outer=outer,
        norm="frobenius",
        backup="l2",
        backup_betas=(0.0, 0.0),
        momentum=0.0,
    )
    for param, dual in zip(params, DUALS.values(), strict=True):
        param.grad = torch.full_like(param, dual)
    optimizer.step()
    return [float(-param.detach().sum()) / 0.5 for param in params]


def formula(outer: str) -> list[float]:
    """c_l / D by the page's formulas."""
    a, b, bias = DUALS.values()
    if outer == "max":
        return [1.0, 1.0, 1.0]
    if outer == "l2":
        total = math.sqrt(a * a + b * b + bias * bias)
        return [a / total, b / total, bias / total]
    total = math.hypot(a + b, bias)
    return [(a + b) / total, (a + b) / total, bias / total]


OUTER = ("max", "l2", "hybrid")


def outer_shares() -> dict[str, list[float]]:
    """The shares of each outer norm, which agree with the formulas."""
    found = {outer: shares(outer) for outer in OUTER}
    for outer, values in found.items():
        for block, got, wanted in zip(DUALS, values, formula(outer), strict=True):
            agree(f"{outer}: {block}", got, wanted)
    return found


def draw_outer(figure: Figure) -> None:
    """Picture 2: the balls of max and l2 for two blocks, and the share of each of three blocks."""
    balls, bars = figure.subplots(1, 2, width_ratios=[1, 1.5])
    d = (3.0, 1.0)
    length = math.hypot(*d)
    balls.plot([0, 1, 1], [1, 1, 0], color=BLUE, lw=1.8, label="max")
    balls.plot(1, 1, "s", color=BLUE, ms=9, zorder=5, clip_on=False)
    arc = torch.linspace(0, math.pi / 2, 100)
    balls.plot(arc.cos(), arc.sin(), "--", color=ORANGE, lw=1.8, label="l2")
    balls.plot(d[0] / length, d[1] / length, "o", color=ORANGE, ms=9, zorder=5)
    arrow(balls, (d[0] / 4.5, d[1] / 4.5), GREY, "the duals d = (3, 1)")
    balls.set(xlim=(0, 1.15), ylim=(0, 1.15), aspect="equal")
    balls.set(xlabel="step of matrix 1, of its radius", ylabel="step of matrix 2, of its radius")
    balls.set_title("two blocks: the ball, and the step in it", fontsize=10)
    balls.legend(loc="center left", fontsize=8)
    looks = {"max": (BLUE, ""), "l2": (ORANGE, "//"), "hybrid": (GREEN, "..")}
    for number, (outer, values) in enumerate(outer_shares().items()):
        color, hatch = looks[outer]
        at = [i + (number - 1) * 0.27 for i in range(3)]
        bars.bar(at, values, 0.25, color=color, hatch=hatch, edgecolor="white", label=outer)
        for x, value in zip(at, values, strict=True):
            bars.annotate(f"{value:.2f}", (x, value), ha="center", va="bottom", fontsize=8)
    bars.set_xticks(range(3), [f"{name}\nd = {dual:g}" for name, dual in DUALS.items()])
    bars.set(ylim=(0, 1.3), ylabel="step, of the block's radius")
    bars.set_title("three blocks", fontsize=10)
    bars.legend(ncols=3, fontsize=8, loc="upper center")


# -- 3. constrained against regularized ------------------------------------------------------------


def descend(update: str, lr: float, start: float, steps: int) -> list[float]:
    """w after each step on f(w) = w^2 / 2, whose gradient is w: a 1 x 1 matrix."""
    w = torch.nn.Parameter(torch.full((1, 1), start, dtype=torch.float64))
    optimizer = steepest.SteepestDescent(
        alone(w), lr=lr, norm="spectral", outer="l2", update=update, momentum=0.0, polar="svd"
    )
    path = [start]
    for _ in range(steps):
        w.grad = w.detach().clone()
        optimizer.step()
        path.append(float(w.detach()))
    return path


SIZES = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0]
LR = 0.4


def lengths(update: str) -> list[float]:
    """The length of one step for gradients of each size: lr, or lr times the dual norm."""
    found = []
    for size in SIZES:
        before, after = descend(update, LR, size, 1)
        wanted = (LR if size > 0 else 0.0) if update == "constrained" else LR * size
        agree(f"{update} step of a gradient {size}", before - after, wanted)
        found.append(before - after)
    return found


def paths() -> dict[str, list[float]]:
    """w over twelve steps of each update: back and forth within lr, and (1 - lr)^t."""
    found = {update: descend(update, LR, 1.5, 12) for update in ("constrained", "regularized")}
    w = 1.5
    for t, (bounded, shrinking) in enumerate(zip(*found.values(), strict=True)):
        agree(f"constrained w_{t}", bounded, w)
        agree(f"regularized w_{t}", shrinking, 1.5 * (1 - LR) ** t)
        w -= LR * math.copysign(1, w)
    return found


def draw_updates(figure: Figure) -> None:
    """Picture 3: the length of a step against the gradient's size; w on a parabola."""
    size, path = figure.subplots(1, 2)
    looks = {"constrained": (BLUE, "s-"), "regularized": (ORANGE, "o--")}
    for update, (color, style) in looks.items():
        size.plot(SIZES[1:], lengths(update)[1:], style, color=color, label=update)
        path.plot(paths()[update], style, color=color, ms=5, label=update)
    size.set(xlabel="dual norm of the momentum", ylabel="length of the step", ylim=(0, None))
    size.set_title(f"one step, lr = {LR}", fontsize=10)
    path.axhline(0, color=GREY, lw=0.8)
    path.set(xlabel="step", ylabel="w")
    path.set_title(f"f(w) = w² / 2 from w = 1.5, lr = {LR}", fontsize=10)
    size.legend(fontsize=9)
    path.legend(fontsize=9)


# -- 4. Momo ---------------------------------------------------------------------------------------

START = 1.2  # f(w) = w^2 there is 1.44 with slope 2.4
BOUND = 0.0  # f_star
RATES = [0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0, 1.2]


def momo_step(update: str, lr: float) -> float:
    """The length of Momo's step on f(w) = w^2 from START: the full step's, gap / slope at most."""
    w = torch.nn.Parameter(torch.full((1, 1), START, dtype=torch.float64))
    optimizer = steepest.SteepestDescent(
        alone(w), lr=lr, norm="spectral", outer="l2", update=update, momentum=0.0, polar="svd",
        step_size="momo", f_star=BOUND,
    )  # fmt: skip
    loss = w.square().sum()
    loss.backward()
    optimizer.step(loss=loss)
    gap, slope = START**2 - BOUND, 2 * START
    full = lr if update == "constrained" else lr * slope
    length = START - float(w.detach())
    agree(f"momo, {update}, lr {lr}", length, min(full, gap / slope))
    return length


def draw_momo(figure: Figure) -> None:
    """Picture 4: the loss, the linear model cut at f_star; step lengths against lr."""
    model, rate = figure.subplots(1, 2)
    w = torch.linspace(-0.45, 1.6, 200)
    gap, slope = START**2 - BOUND, 2 * START
    model.plot(w, w.square(), color=GREY, lw=1.5, label="loss f(w) = w²")
    cut = (START**2 + slope * (w - START)).clamp(min=BOUND)
    model.plot(w, cut, "--", color=BLUE, lw=2, label="model: a tangent, cut at f*")
    model.plot(START, gap, "o", color="black", ms=7, label="here")
    end = START - momo_step("constrained", 1.0)
    model.plot(
        end, 0, "D", color=GREEN, ms=8, label="Momo's step, q = 0.60", clip_on=False, zorder=5
    )
    model.plot(
        START - 1.0, 0, "s", color=ORANGE, ms=8, label="full step, lr = 1", clip_on=False, zorder=5
    )
    model.set(xlabel="w", ylabel="loss", ylim=(-0.08, 2.4))
    model.set_title("the model ends where the loss cannot go", fontsize=10)
    model.legend(fontsize=8, loc="upper left")
    looks = {"constrained": (BLUE, "s-"), "regularized": (ORANGE, "o--")}
    for update, (color, style) in looks.items():
        rate.plot(RATES, [momo_step(update, lr) for lr in RATES], style, color=color, label=update)
    rate.axhline(gap / slope, color=GREY, ls=":", label="gap / dual norm")
    rate.set(xlabel="lr", ylabel="length of the step", ylim=(0, 0.75))
    rate.set_title("beyond some lr, both steps are the same", fontsize=10)
    rate.legend(fontsize=8, loc="lower right")


# -- the command -----------------------------------------------------------------------------------

PICTURES: dict[str, tuple[Callable[[Figure], None], Point]] = {
    "balls": (draw_balls, (6.4, 6.9)),
    "outer": (draw_outer, (8.6, 3.7)),
    "updates": (draw_updates, (8.6, 3.5)),
    "momo": (draw_momo, (8.6, 3.7)),
}


def check() -> None:
    """Every number of the pictures against its formula."""
    for index in range(len(BALLS)):
        steepest_in_ball(index)
    outer_shares()
    for update in ("constrained", "regularized"):
        lengths(update)
        for lr in RATES:
            momo_step(update, lr)
    paths()


def draw() -> None:
    """Writes the pictures, with a light ground of their own."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "steepest", "font.size": 11, "axes.grid": True})
    matplotlib.rcParams.update({"grid.alpha": 0.25, "savefig.facecolor": "white"})
    import matplotlib.pyplot as plt

    HERE.mkdir(exist_ok=True)
    for name, (function, size) in PICTURES.items():
        figure = plt.figure(figsize=size, layout="constrained")
        function(figure)
        figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})
        plt.close(figure)


def main() -> None:
    """Checks, and draws."""
    parser = argparse.ArgumentParser(description="The pictures of docs/idea.md.")
    parser.add_argument("--check", action="store_true", help="the numbers alone")
    check()
    if not parser.parse_args().check:
        draw()


if __name__ == "__main__":
    main()
