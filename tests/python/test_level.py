# SPDX-License-Identifier: Apache-2.0
"""f_star="auto": Momo towards a level of the loss, against a plain loop; what is proved of it."""

import copy
import math

import pytest
import torch
from networks import make_net, train
from quadratics import FORMS, Quadratic, combine, draw, sharp

import steepest

LEVEL, TRUST = 0.2, 0.5


def plain_loop(problem, options, rates, noises):
    """The weights and [f*, d_t] after each step, written from engine/auto_rate.h; and all q."""
    outer, mu, floor = options["outer"], options["momentum"], options["f_star"]
    regularized = options["update"] == "regularized"
    w = {n: p.clone() for n, p in draw(0).items()}
    m, mean_loss, mean_product, d, steps, shares = {}, 0.0, 0.0, 0.0, 0, []
    dot = lambda a, b: sum(float((a[n] * b[n]).sum()) for n in a)
    matrices = [n for n in w if w[n].dim() == 2]
    trace = []
    for t, (lr, noise) in enumerate(zip(rates, noises)):
        asked = {n: p.clone().requires_grad_() for n, p in w.items()}
        loss = problem.loss(asked, noise)
        g = dict(zip(w, torch.autograd.grad(loss, list(asked.values()))))
        keep = mu if t else 0.0
        m = {n: (keep * m[n] if t else 0) + (1 - keep) * g[n] for n in w}
        mean_loss = keep * mean_loss + (1 - keep) * loss.item()
        mean_product = keep * mean_product + (1 - keep) * dot(g, w)
        model = mean_loss + dot(m, w) - mean_product
        s = {n: sharp(options["backup"], m[n]) for n in w}
        radius = math.sqrt(lr) if regularized else lr
        total, c = combine(outer, {n: radius * s[n][1] for n in w}, matrices)
        gap, total = model - floor, float(total)
        if lr > 0:
            steps, dual = steps + 1, total / radius
            d = max(d, LEVEL * gap / dual)
            gap = min(gap, TRUST * dual * d / math.sqrt(steps))
            q = min(1.0, max(gap, 0.0) / total ** (2 if regularized else 1))
            before, wd = (shares[-1] if shares else 0.0), options["weight_decay"]
            shares.append(q)
            for n in w:
                w[n] = w[n] * (1 - lr * before * wd)
                moved = q * radius * float(c[n] if regularized else c[n] / total)
                w[n] = w[n] - moved * s[n][0]
        trace.append(({n: p.clone() for n, p in w.items()}, [model - gap, d]))
    return trace, shares


def run(problem, options, rates, noises):
    """The same by the library; the numbers are f* and the distance of its model."""
    params = {n: torch.nn.Parameter(p.clone()) for n, p in draw(0).items()}
    groups = [
        {"params": [(n, p) for n, p in params.items() if p.dim() == dim], "role": role}
        for dim, role in ((2, "matrix"), (1, "backup"))
    ]
    rule = {"f_star_rule": "level"} if options["f_star"] else {"f_star": "auto"}
    optimizer = steepest.SteepestDescent(
        groups, lr=1.0, backup_lr=1.0, polar="svd", step_size="momo", **{**options, **rule}
    )
    trace = []
    for lr, noise in zip(rates, noises):
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.zero_grad()
        loss = problem.loss(params, noise)
        loss.backward()
        optimizer.step(loss=loss)
        numbers = optimizer.param_groups[0]["momo"].tolist()
        trace.append(({n: p.detach().clone() for n, p in params.items()}, [numbers[2], numbers[3]]))
    return trace


@pytest.mark.parametrize("f_star", [0.0, 0.1])
@pytest.mark.parametrize("form", FORMS)
def test_the_steps_are_the_plain_loops(form, f_star):
    options = {**form, "momentum": 0.9, "norm": "spectral", "f_star": f_star}
    options["weight_decay"] = 0.1
    rates = [0.25] + [1.0] * 20 + [1e-4, 1e-4, 0.0, 0.5]
    larger = lambda t: {n: x * (1 if t < 5 else 8) for n, x in draw(10 + t).items()}
    noises = [larger(t) for t in range(len(rates))]
    problem = Quadratic()
    mine = run(problem, options, rates, noises)
    plain, shares = plain_loop(problem, options, rates, noises)
    for (w, numbers), (w2, numbers2) in zip(mine, plain):
        for name in w:
            assert torch.allclose(w[name], w2[name], rtol=1e-12, atol=1e-12), name
        assert numbers == pytest.approx(numbers2, rel=1e-11, abs=1e-12)
    assert plain[-1][1][1] > plain[0][1][1]  # the distance has grown
    assert min(shares) < 1 == max(shares)


@pytest.mark.parametrize("lr", [0.3, 1e4])
@pytest.mark.parametrize("form", FORMS)
def test_the_dual_norm_comes_near_0_whatever_the_cap(form, lr):
    """The theorem of engine/auto_rate.h: smooth, no noise, no momentum, a minimum above f_star."""
    options = {**form, "momentum": 0.0, "norm": "spectral", "f_star": 0.0}
    problem, steps = Quadratic(offset=0.3), 700
    trace = run(problem, options, [lr] * steps, [None] * steps)
    losses = [float(problem.loss(w)) for w, _ in trace]
    assert min(losses) - 0.3 < 0.01 * (losses[0] - 0.3)
    # f* is between f_star and the loss before its step.
    bounds = [numbers[0] for _, numbers in trace]
    assert all(0 <= f <= loss for f, loss in zip(bounds[1:], losses))


def test_a_bound_may_become_tracked_and_given_again_in_a_run():
    net = make_net()
    optimizer = steepest.Muon(net, lr=1.0, step_size="momo")
    for value, size in ((0.0, 3), ("auto", 8), (0.5, 3)):
        for group in optimizer.param_groups:
            group["f_star"] = value
        train(net, optimizer, range(3))
        assert optimizer.param_groups[0]["momo"].shape == (size,)
    saved = copy.deepcopy(optimizer.state_dict())
    other = steepest.Muon(make_net(), lr=1.0, step_size="momo", f_star="auto")
    other.load_state_dict(saved)  # which brings its f_star
    train(net, other, range(1))
    assert other.param_groups[0]["f_star"] == 0.5


@pytest.mark.parametrize("tracked, rule", [(True, "momo_star"), (False, "given")])
def test_a_state_of_an_older_version_keeps_its_rule(tracked, rule):
    make = lambda: steepest.Muon(make_net(), lr=1.0, step_size="momo", f_star_rule=rule)
    optimizer = make()
    saved = copy.deepcopy(optimizer.state_dict())
    for group in saved["param_groups"]:
        del group["f_star_rule"]
        group["f_star_auto"] = tracked
    other = make()
    other.load_state_dict(saved)
    assert {group["f_star_rule"] for group in other.param_groups} == {rule}
    assert all("f_star_auto" not in group for group in other.param_groups)


def test_a_loss_that_stands_still_ends_in_no_nan():
    """D is 0 in every step: nothing moves and the model stays finite."""
    p = torch.nn.Parameter(torch.ones(3, 2))
    optimizer = steepest.Muon([p], weight_decay=0.0, step_size="momo", f_star="auto")
    for _ in range(3):
        p.grad = torch.zeros(3, 2)
        optimizer.step(loss=2.0)
    assert torch.equal(p.detach(), torch.ones(3, 2))
    assert bool(optimizer.param_groups[0]["momo"].isfinite().all())
