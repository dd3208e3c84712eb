# SPDX-License-Identifier: Apache-2.0
"""What to write instead of fabian-sp/MoMo (arXiv 2305.07583), against its formulas in float64.

With d, f and gamma the means of gradient, loss and <g, w>, rho the sum of their weights, and the
metric A = 1 (Momo) or sqrt(v / (1 - beta2^k)) + eps (MomoAdam):

    tau = min(lr / rho, ((1 + lr wd) (f - rho f* - gamma) + <d, w>)+ / <d, d / A>)
    w <- (w - tau d / A) / (1 + lr wd)          divide=False: w <- (1 - lr wd) w - tau d / A
"""

from __future__ import annotations

import pytest
import torch
from replays import STEPS, check, ours, problem

import steepest

SHAPES = {"square": (12, 12), "wide": (8, 24), "bias": (17,)}
WIDE = torch.float64
EXACT = 1e-10  # float64: the order of sums


def momo(
    lr, *, beta=0.9, beta2=None, wd=0.0, start=None, track=False, divide=True, lift=0.0, steps=STEPS
):
    """The way of each parameter, and which of the three cases of tau came up.

    start: "zero" (bias_correction) or "first"; beta2: MomoAdam's; lift: added to every loss.
    """
    weights, grads, losses = problem(SHAPES, WIDE)
    w = torch.cat([weights[name].flatten() for name in SHAPES])
    at = w.clone()
    d, v, f, gamma, rho, f_star, cases = torch.zeros_like(w), torch.zeros_like(w), 0, 0, 0, 0, set()
    for k, (grad, loss) in enumerate(zip(grads[:steps], losses, strict=False), 1):
        g = torch.cat([grad[name].flatten() for name in SHAPES])
        new = 1.0 if k == 1 and start == "first" else 1 - beta
        d = (1 - new) * d + new * g
        f = (1 - new) * f + new * (loss + lift)
        gamma = (1 - new) * gamma + new * (g @ w)
        rho = (1 - new) * rho + new
        metric = torch.ones_like(w)
        if beta2 is not None:
            v = beta2 * v + (1 - beta2) * g * g
            metric = (v / (1 - beta2**k)).sqrt() + 1e-8
        length, grown = d @ (d / metric), 1 + lr * wd
        model = grown * (f - gamma) + d @ w
        if track and model < grown * rho * f_star:
            f_star = max(float(model / (2 * grown * rho)), 0)
        polyak = max(float(grown * (f - rho * f_star - gamma) + d @ w), 0) / length
        cases.add("zero" if polyak == 0 else "capped" if polyak >= lr / rho else "between")
        tau = min(lr / rho, polyak)
        if track:
            f_star = max(float((f + d @ w - gamma - tau * length / 2) / rho), 0)
        w = (w - tau * d / metric) / grown if divide else (1 - lr * wd) * w - tau * d / metric
    way = (w - at).split([weights[name].numel() for name in SHAPES])
    return [part.view(SHAPES[name]) for name, part in zip(SHAPES, way, strict=True)], cases


def follow(kind, lift=0.0, steps=STEPS, **options):
    """The same of ours."""
    lifted = lambda o: setattr(o, "observe", lambda x, see=o.observe: see(x + lift)) or o
    make = lambda p: lifted(kind(list(p.values()), step_size="momo", **options))
    return ours(make, SHAPES, WIDE, steps)


@pytest.mark.parametrize("track", [False, True])
@pytest.mark.parametrize("start", ["first", "zero"])
def test_momo_is_sgd_with_momos_step_size(start, track):
    """bias_correction=False and True, lb=0 and use_fstar=True."""
    expected, cases = momo(0.005, start=start, track=track)
    assert cases == {"zero", "between", "capped"}
    options = {"momentum": 0.9, "momentum_form": "ema"}
    options["start"] = "first" if start == "first" else "corrected"
    options["f_star_rule"] = "momo_star" if track else "given"
    check(follow(steepest.SGD, lr=0.005, **options), expected, EXACT, f"Momo {start} {track}")


@pytest.mark.parametrize("track", [False, True])
@pytest.mark.parametrize("kind", ["Adam", "regularized"])
def test_momo_adam_is_adam_with_momos_step_size(kind, track):
    """Two rows: min(1, gap / D) in ada_inf and min(1, gap / D^2) in ada_2 are the same step."""
    expected, cases = momo(0.01, start="zero", beta2=0.999, track=track)
    assert cases == {"zero", "between", "capped"}
    options = {"lr": 0.01, "f_star_rule": "momo_star" if track else "given"}
    if kind == "Adam":
        found = follow(steepest.Adam, **options)
    else:
        options |= {"norm": "ada_2", "backup": "ada_2", "outer": "l2", "update": "regularized"}
        options |= {"start": "corrected", "momentum": 0.9, "backup_betas": (0.9, 0.999)}
        found = follow(steepest.SteepestDescent, bias_correction=True, **options)
    check(found, expected, EXACT, f"MomoAdam {kind} {track}")


# -- weight decay: theirs evaluates the model where the decay leads, ours where the weights are ----


@pytest.mark.parametrize("kind, divide", [("Momo", True), ("MomoAdam", True), ("MomoAdam", False)])
def test_weight_decay_agrees_where_the_cap_binds(kind, divide):
    """1 / (1 + lr wd) = 1 - lr' wd with lr' = lr / (1 + lr wd), for the decay and for the step."""
    lr, wd = 0.05, 0.4
    adam = {"start": "zero", "beta2": 0.999} if kind == "MomoAdam" else {"start": "first"}
    expected, cases = momo(lr, wd=wd, divide=divide, lift=1e4, **adam)
    assert cases == {"capped"}
    ours_lr = lr / (1 + lr * wd) if divide else lr
    options = {"lift": 1e4, "lr": ours_lr, "weight_decay": wd, "decoupled_weight_decay": True}
    if kind == "Momo":
        found = follow(steepest.SGD, momentum=0.9, momentum_form="ema", **options)
    else:
        found = follow(steepest.AdamW, **options)
    check(found, expected, EXACT, f"{kind} decay")


def test_weight_decay_differs_by_the_decay_of_the_model_elsewhere():
    """After one step, by d lr' wd <d, w> / |d|^2: theirs has <d, w> at the decayed w."""
    lr, wd = 0.05, 0.4
    expected, cases = momo(lr, wd=wd, start="first", steps=1)
    assert cases == {"between"}
    small = lr / (1 + lr * wd)
    options = {"weight_decay": wd, "decoupled_weight_decay": True, "momentum_form": "ema"}
    found = follow(steepest.SGD, steps=1, lr=small, momentum=0.9, **options)
    weights, grads, _ = problem(SHAPES, WIDE)
    flat = lambda values: torch.cat([values[name].flatten() for name in SHAPES])
    d, w = flat(grads[0]), flat(weights)
    scale = small * wd * (d @ w) / (d @ d)
    predicted = [a + scale * grads[0][name] for a, name in zip(found, SHAPES, strict=True)]
    check(predicted, expected, EXACT, "Momo decay, model")
