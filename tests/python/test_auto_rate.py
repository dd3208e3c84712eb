# SPDX-License-Identifier: Apache-2.0
"""lr="auto": the rate that a run finds, against a plain loop; its bound; save, resume, refusals."""

import copy
import math

import pytest
import torch
from networks import make_net, same, train, weights
from quadratics import FORMS, Quadratic, combine, draw, sharp

import steepest

LEVEL, GUESSES, LENGTH = 0.2, 20, 1.0


def plain_loop(problem, options, factors, noises):
    """The weights and the numbers of lr_auto after each step, written from engine/auto_rate.h."""
    outer, mu = options["outer"], options["momentum"]
    regularized = options["update"] == "regularized"
    w = {n: p.clone() for n, p in draw(0).items()}
    w0 = {n: p.clone() for n, p in w.items()}
    m, mean_loss, mean_product = {}, 0.0, 0.0
    d = duals_sum = ratio = q = 0.0
    trace = []
    dot = lambda a, b: sum(float((a[n] * b[n]).sum()) for n in a)
    matrices = [n for n in w if w[n].dim() == 2]
    for t, (factor, noise) in enumerate(zip(factors, noises)):
        asked = {n: p.clone().requires_grad_() for n, p in w.items()}
        loss = problem.loss(asked, noise)
        g = dict(zip(w, torch.autograd.grad(loss, list(asked.values()))))
        keep = mu if t else 0.0
        m = {n: (keep * m[n] if t else 0) + (1 - keep) * g[n] for n in w}
        mean_loss = keep * mean_loss + (1 - keep) * loss.item()
        mean_product = keep * mean_product + (1 - keep) * dot(g, w)
        look = (1 - mu) if options["nesterov"] else 0.0
        u = {n: (1 - look) * m[n] + look * g[n] for n in w}
        f = (1 - look) * mean_loss + look * loss.item()
        gw = (1 - look) * mean_product + look * dot(g, w)
        s = {n: sharp(options["backup"], u[n]) for n in w}
        radius = math.sqrt(factor) if regularized else factor
        d_l = {n: radius * s[n][1] for n in w}
        if ratio == 0 and factor > 0:
            sides = [{n: x * ((n in matrices) == s) for n, x in d_l.items()} for s in (True, False)]
            ratio = float(
                combine(outer, sides[0], matrices)[0] / combine(outer, sides[1], matrices)[0]
            )
        scale = {n: radius * (1 if n in matrices else ratio) for n in w}
        total, c = combine(outer, {n: scale[n] * s[n][1] for n in w}, matrices)
        total = float(total)
        if factor > 0:
            unit = total / (math.sqrt(factor) if regularized else factor)
            gap = f + dot(u, w) - gw
            duals_sum += unit**2
            count = sum(x > 0 for x in factors[: t + 1])
            d = max(d, (dot(u, w0) - gw) / unit, LEVEL * gap / unit if count <= GUESSES else 0)
            length = LENGTH * d / math.sqrt(count)
            most = length / math.sqrt(duals_sum / count) if regularized else length
            before, q = q, min(most, max(gap, 0) / total ** (2 if regularized else 1))
            for n in w:
                side = 1 if n in matrices else ratio ** (2 if regularized else 1)
                w[n] = w[n] * (1 - factor * before * side * options["weight_decay"])
                moved = q * scale[n] * float(c[n] if regularized else c[n] / total)
                w[n] = w[n] - moved * s[n][0]
        trace.append(({n: p.clone() for n, p in w.items()}, [d, duals_sum, ratio]))
    return trace


def optimizer_of(options):
    params = {n: torch.nn.Parameter(p.clone()) for n, p in draw(0).items()}
    groups = [
        {"params": [(n, p) for n, p in params.items() if p.dim() == dim], "role": role}
        for dim, role in ((2, "matrix"), (1, "backup"))
    ]
    return params, steepest.SteepestDescent(groups, lr="auto", polar="svd", **options)


def run(problem, options, factors, noises):
    params, optimizer = optimizer_of(options)
    trace = []
    for factor, noise in zip(factors, noises):
        for group in optimizer.param_groups:
            group["lr"] = factor
        optimizer.zero_grad()
        problem.loss(params, noise).backward()
        with torch.no_grad():
            optimizer.observe(problem.loss(params, noise))
        optimizer.step()
        numbers = optimizer.param_groups[0]["momo"].tolist()[3:]
        trace.append(({n: p.detach().clone() for n, p in params.items()}, numbers))
    return trace


@pytest.mark.parametrize("nesterov", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_the_rate_found_is_the_plain_loops(form, nesterov):
    options = {**form, "momentum": 0.9, "nesterov": nesterov, "norm": "spectral"}
    options["weight_decay"] = 0.1
    factors = [0.25, 0.5] + [1.0] * 20 + [0.5, 0.25, 0.0]  # more than the guesses
    noises = [draw(10 + t) for t in range(len(factors))]
    problem = Quadratic()
    mine, plain = (f(problem, options, factors, noises) for f in (run, plain_loop))
    for (w, numbers), (w2, (d, duals, ratio)) in zip(mine, plain):
        for name in w:
            assert torch.allclose(w[name], w2[name], rtol=1e-12, atol=1e-12), name
        found = [numbers[0], numbers[1], numbers[3]]
        assert found == pytest.approx([d, duals, ratio], rel=1e-11)
    assert plain[-1][1][0] > 1.2 * plain[0][1][0]  # the distance has grown beyond the first guess


def norm_of(form, delta, ratio):
    """The primal norm of a change of the weights, whose unit ball has the radii 1 and ratio."""
    whole = max(float(torch.linalg.matrix_norm(x, 2)) for x in delta.values() if x.dim() == 2)
    size = lambda x: float(x.abs().max() if form["backup"] == "inf" else x.norm()) / ratio
    parts = [size(x) for x in delta.values() if x.dim() == 1]
    if form["outer"] == "max":
        return max(whole, *parts)
    matrices = [x for x in delta.values() if x.dim() == 2]
    spectral = [float(torch.linalg.matrix_norm(x, 2)) for x in matrices]
    return math.hypot(*(spectral if form["outer"] == "l2" else [whole]), *parts)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("form", FORMS)
def test_the_distance_is_at_most_that_to_the_minimum_and_the_dual_falls(form, momentum):
    options = {**form, "momentum": momentum, "norm": "spectral"}
    problem, steps = Quadratic(offset=0.0), 400
    trace = run(problem, options, [1.0] * steps, [None] * steps)
    start = draw(0)
    true = norm_of(form, {n: start[n] - problem.best[n] for n in start}, trace[-1][1][3])
    distances = [numbers[0] for _, numbers in trace]
    assert distances == sorted(distances)
    assert 0.02 * true < distances[0] < distances[-1] <= true * (1 + 1e-9)
    losses = [float(problem.loss(w)) for w, _ in trace]
    assert min(losses) < 0.02 * losses[0]


LEVEL_OPTIONS = {"lr": 1.0, "step_size": "momo", "f_star": "auto"}  # see test_level.py


@pytest.mark.parametrize("way", ["state_dict", "file"])
@pytest.mark.parametrize("options", [{"lr": "auto"}, LEVEL_OPTIONS])
def test_a_resumed_run_goes_on_bit_for_bit(tmp_path, way, options):
    nets = [make_net() for _ in range(3)]
    whole, half, resumed = (steepest.MuonMax(net, **options) for net in nets)
    train(nets[0], whole, range(12))
    train(nets[1], half, range(6))
    nets[2].load_state_dict(nets[1].state_dict())
    if way == "file":
        steepest.save(half, tmp_path / "state.safetensors")
        steepest.load(resumed, tmp_path / "state.safetensors")
    else:
        resumed.load_state_dict(copy.deepcopy(half.state_dict()))
    train(nets[2], resumed, range(6, 12))
    assert same(weights(nets[0]), weights(nets[2]))
    assert torch.equal(whole.param_groups[0]["momo"], resumed.param_groups[0]["momo"])
    assert whole.param_groups[0]["momo"].shape == (8,)
    assert float(whole.param_groups[0]["momo"][3]) > 0  # the distance


@pytest.mark.parametrize(
    "options, text",
    [
        ({"lr": "auto", "backup_lr": 0.1}, 'backup_lr: received 0.1 with lr "auto"'),
        ({"lr": "auto", "step_size": "fixed"}, 'lr: received "auto" with step_size "fixed"'),
        ({"lr": 0.1, "lr_auto": True}, "lr_auto: received True with lr 0.1"),
        ({"lr": "auto", "duals": "stale"}, "lr_auto: received true with duals stale"),
        ({"lr": "auto", "momo_model": "recursive"}, "lr_auto: received true with momo_model"),
        ({"lr": "auto", "f_star": "auto"}, "lr_auto: received true with f_star_rule level"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(options, text):
    with pytest.raises(ValueError) as refused:
        steepest.Muon(make_net(), **options)._plan()
    assert text in str(refused.value) and "\n" not in str(refused.value)
