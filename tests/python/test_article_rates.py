# SPDX-License-Identifier: Apache-2.0
"""The theorems and counts of docs/report/: the inequalities on quadratics with known constants, the
numbers of products by torch's own counter, the numbers of state by the library's optimizers."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import steepest

DOUBLE = torch.float64
ROWS, COLS = 6, 4

# The direction and the dual norm of m; the constant rho of |x|_* <= rho |x|_F; and L of the loss
# <X, H X> / 2 by the eigenvalues h of H.
NORMS = {
    "frobenius": (lambda m: (m / m.norm(), m.norm()), 1.0, lambda h: h.max()),
    "spectral": (
        lambda m: (polar(m), torch.linalg.svdvals(m).sum()),
        math.sqrt(COLS),
        lambda h: h.sum(),
    ),
    "nuclear": (
        lambda m: (rank_one(m), torch.linalg.svdvals(m)[0]),
        1.0,
        lambda h: h.max(),
    ),
    "inf": (lambda m: (m.sign(), m.abs().sum()), math.sqrt(ROWS * COLS), None),
}


def polar(m):
    u, _, vh = torch.linalg.svd(m, full_matrices=False)
    return u @ vh


def rank_one(m):
    u, _, vh = torch.linalg.svd(m, full_matrices=False)
    return torch.outer(u[:, 0], vh[0])


class Quadratic:
    """f(X) = <X, H X> / 2 with H from .1 to 2, and least value 0."""

    def __init__(self):
        q = torch.linalg.qr(torch.randn(ROWS, ROWS, dtype=DOUBLE))[0]
        self.h = torch.logspace(-1, math.log10(2), ROWS, dtype=DOUBLE)
        self.matrix = q * self.h @ q.T
        self.start = torch.randn(ROWS, COLS, dtype=DOUBLE)

    def loss(self, x):
        return float((x * (self.matrix @ x)).sum()) / 2

    def smoothness(self, name):
        """L of |grad f(X) - grad f(Y)|_* <= L |X - Y|."""
        own = NORMS[name][2]
        if own is not None:
            return float(own(self.h))
        return float(COLS * self.matrix.abs().sum())  # sum |H Z| <= sum |H| COLS max |Z|


@pytest.mark.parametrize("name", NORMS)
def test_the_constants_of_the_norms_hold(name):
    pair, rho, _ = NORMS[name]
    problem = Quadratic()
    norm = {
        "frobenius": torch.norm,
        "spectral": lambda x: torch.linalg.svdvals(x)[0],
        "nuclear": lambda x: torch.linalg.svdvals(x).sum(),
        "inf": lambda x: x.abs().max(),
    }[name]
    attained = {"spectral": torch.eye(ROWS, COLS, dtype=DOUBLE)}.get(name)
    if name in ("frobenius", "nuclear"):
        attained = torch.zeros(ROWS, COLS, dtype=DOUBLE)
        attained[0, 0] = 1
    if name == "inf":
        attained = torch.ones(ROWS, COLS, dtype=DOUBLE)
    assert float(pair(attained)[1]) == pytest.approx(rho * float(attained.norm()))
    for _ in range(200):
        x = torch.randn(ROWS, COLS, dtype=DOUBLE)
        assert float(pair(x)[1]) <= rho * float(x.norm()) * (1 + 1e-12)
        change = float(pair(problem.matrix @ x)[1])
        assert change <= problem.smoothness(name) * float(norm(x)) * (1 + 1e-12)


def test_f_stars_dual_is_at_most_the_frobenius_norm_and_is_it_at_rank_one():
    for x in torch.randn(100, ROWS, COLS):
        assert float(steepest.steepest(x, norm="f_star").dual) <= float(x.norm()) * (1 + 1e-5)
    one = torch.outer(torch.randn(ROWS), torch.randn(COLS))
    dual = float(steepest.steepest(one, norm="f_star").dual)
    assert dual == pytest.approx(float(one.norm()), rel=1e-5)


@pytest.mark.parametrize("name", NORMS)
def test_the_deterministic_rate(name):
    """Theorem 1: the mean of D of constrained steps, the mean of D^2 of regularized ones."""
    pair, _, _ = NORMS[name]
    problem, steps = Quadratic(), 200
    smooth, gap = problem.smoothness(name), problem.loss(problem.start)
    bound = math.sqrt(2 * smooth * gap / steps)
    length = math.sqrt(2 * gap / (smooth * steps))
    for regularized in (False, True):
        x, duals = problem.start.clone(), []
        for _ in range(steps):
            direction, dual = pair(problem.matrix @ x)
            duals.append(float(dual))
            x = x - (float(dual) / smooth if regularized else length) * direction
        mean = math.sqrt(sum(d * d for d in duals) / steps) if regularized else sum(duals) / steps
        assert min(duals) <= mean <= bound


def descend(problem, pair, noises, length, alpha):
    """The duals of the true gradients, and of the errors of their average, of constrained steps."""
    x, duals, errors, m = problem.start.clone(), [], [], None
    for noise in noises:
        true = problem.matrix @ x
        g = true + noise
        m = g if m is None else (1 - alpha) * m + alpha * g
        duals.append(float(pair(true)[1]))
        errors.append(float(pair(m - true)[1]))
        x = x - length * pair(m)[0]
    return duals, errors


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("sigma", [0.02, 1.0])
def test_the_stochastic_rate_with_momentum(name, sigma):
    """Theorem 2, its two bounds; and the sum in its proof, which holds in every single run."""
    pair, rho, _ = NORMS[name]
    problem, steps, runs = Quadratic(), 150, 4
    smooth, gap = problem.smoothness(name), problem.loss(problem.start)
    root = math.sqrt(2 * smooth * gap / steps)
    alpha = min(1.0, root / (rho * sigma))
    length = math.sqrt(gap * alpha / (2 * smooth * steps))
    means, mean_errors = [], []
    for _ in range(runs):
        noises = torch.randn(steps, ROWS, COLS, dtype=DOUBLE) * sigma / math.sqrt(ROWS * COLS)
        duals, errors = descend(problem, pair, noises, length, alpha)
        means.append(sum(duals) / steps)
        mean_errors.append(sum(errors) / steps)
        assert means[-1] <= gap / (length * steps) + smooth * length / 2 + 2 * mean_errors[-1]
    decay = 1 - alpha
    drift = smooth * length * decay / alpha
    noise = rho * sigma * (1 / (alpha * steps) + math.sqrt(alpha / (2 - alpha)))
    assert sum(mean_errors) / runs <= drift + noise
    middle = (
        gap / (length * steps) + 2 * smooth * length / alpha + 2 * rho * sigma / (alpha * steps)
    )
    middle += 2 * rho * sigma * math.sqrt(alpha)
    end = 4 * math.sqrt(rho * sigma * root) + 6 * root + 2 * (rho * sigma) ** 2 / (root * steps)
    assert sum(means) / runs <= middle <= end * (1 + 1e-12)


@pytest.mark.parametrize("update", ["constrained", "regularized"])
def test_inexact_directions_lose_a_factor(update):
    """Directions whose singular values are in [b, a]: the rate is a / b times as large."""
    problem, steps, b, a = Quadratic(), 200, 0.7, 1.2
    smooth, gap = problem.smoothness("spectral"), problem.loss(problem.start)
    length = math.sqrt(2 * gap / (smooth * steps)) / a
    x, duals = problem.start.clone(), []
    for _ in range(steps):
        u, s, vh = torch.linalg.svd(problem.matrix @ x, full_matrices=False)
        duals.append(float(s.sum()))
        direction = u * (b + (a - b) * torch.rand(len(s), dtype=DOUBLE)) @ vh
        factor = length if update == "constrained" else b / (a * a * smooth) * float(s.sum())
        x = x - factor * direction
    assert min(duals) <= a / b * math.sqrt(2 * smooth * gap / steps)


def spectral_run(update, ratio, rates, duals=None):
    """A network of two matrices and two biases; the network's D of each step, and the weights."""
    net = torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3)
    ).double()
    x, y = torch.randn(20, 5, dtype=DOUBLE), torch.randn(20, 3, dtype=DOUBLE)
    options = {"norm": "spectral", "backup": "ada_2", "polar": "svd", "momentum": 0.9}
    options |= {"outer": "hybrid", "update": update, "weight_decay": 0.0}
    optimizer = steepest.SteepestDescent(net, lr=rates[0], backup_lr=ratio * rates[0], **options)
    found = []
    for t, lr in enumerate(rates):
        for group in optimizer.param_groups:
            factor = 1 if group["role"] == "matrix" else ratio
            group["lr"] = factor * (lr if duals is None else math.sqrt(lr) * duals[t])
        optimizer.zero_grad()
        (net(x) - y).square().mean().backward()
        optimizer.step()
        found.append(float(optimizer.last_step()["D"]))
    return found, [p.detach().clone() for p in net.parameters()]


def test_a_regularized_run_is_a_constrained_one_with_another_rate():
    """reg(lr, r^2 lr) = con(lr_t, r lr_t) with lr_t = sqrt(lr) D_t (PROTOCOL.md, "Tuning")."""
    rates = [0.02 * (1 - t / 30) for t in range(20)]
    torch.manual_seed(3)
    duals, weights = spectral_run("regularized", 0.3**2, rates)
    torch.manual_seed(3)
    _, same = spectral_run("constrained", 0.3, rates, duals)
    torch.manual_seed(3)
    _, other = spectral_run("constrained", 0.3, rates, [duals[0]] * len(rates))
    for own, equal, unequal in zip(weights, same, other):
        assert torch.allclose(own, equal, rtol=1e-10, atol=1e-12)
        assert not torch.allclose(own, unequal, rtol=1e-3)


# -- costs -----------------------------------------------------------------------------------------

JORDAN = (3.4445, -4.7750, 2.0315)


def standard(x, steps):
    a, b, c = JORDAN
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def gram_form(x, segments):
    a, b, c = JORDAN
    eye = torch.eye(len(x), dtype=x.dtype)
    for steps in segments:
        r, q = x @ x.T, None
        for k in range(steps):
            z = a * eye + b * r + c * r @ r
            q = z if q is None else q @ z
            if k + 1 < steps:
                r = z @ (r @ z)
        x = q @ x
    return x


def flops(function):
    with FlopCounterMode(display=False) as counter:
        function()
    return counter.get_total_flops()


@pytest.mark.parametrize("segments", [[5], [3, 2], [1, 2, 2], [1, 1, 1, 1, 1]])
def test_the_two_forms_take_the_products_that_are_stated(segments):
    n, m, steps = 6, 20, sum(segments)
    x = torch.randn(n, m, dtype=DOUBLE)
    x = x / x.norm()
    assert torch.allclose(standard(x, steps), gram_form(x, segments), rtol=1e-9, atol=1e-9)
    assert flops(lambda: standard(x, steps)) == steps * (4 * n * n * m + 2 * n**3)
    s = len(segments)
    gram = 4 * s * n * n * m + (8 * steps - 6 * s) * n**3
    assert flops(lambda: gram_form(x, segments)) == gram


def test_the_overhead_of_the_preset_is_counted_by_hand():
    """Twelve layers of four [768, 768] and two [768, 3072], 12 quintic steps; both passes."""
    d, layers, context, tokens, vocabulary, steps = 768, 12, 1024, 524_288, 50_304, 12
    polar = lambda n, m: steps * (4 * n * n * m + 2 * n**3)
    optimizer = layers * (4 * polar(d, d) + 2 * polar(d, 4 * d))
    passes = (6 * (layers * 12 * d * d + vocabulary * d) + 12 * layers * context * d) * tokens
    assert 100 * optimizer / passes == pytest.approx(0.873, abs=5e-4)
    assert 100 * steps * d / tokens == pytest.approx(1.758, abs=5e-4)
    weights = 6 * layers * 12 * d * d * tokens  # of the matrices alone
    assert optimizer / weights == pytest.approx(steps * d / tokens * (1 / 3 + 2 / 3 * 0.75))


# The state tensors of a matrix [r, c], in numbers; those of the catalog's rows at their defaults.
STATE = {
    "sgd": lambda r, c: 0,
    "muon": lambda r, c: r * c,
    "normuon": lambda r, c: r * c + r,
    "adamw": lambda r, c: 2 * r * c,
    "neon": lambda r, c: r * c + 16 * c,
    "f-star": lambda r, c: r * c + 16 * c,
    "shampoo": lambda r, c: r * c + 2 * (r * r + c * c),
    "soap": lambda r, c: 3 * r * c + 2 * (r * r + c * c),
}


@pytest.mark.parametrize("row", STATE)
def test_the_state_of_a_matrix_has_as_many_numbers_as_the_table_says(row):
    r, c = 160, 240
    p = torch.nn.Parameter(torch.randn(r, c))
    optimizer = steepest.make(row, [{"params": [p], "role": "matrix"}], lr=1e-3)
    p.grad = torch.randn(r, c)
    optimizer.step()
    kept = [t.numel() for t in optimizer.state[p].values() if torch.is_tensor(t) and t.dim() > 0]
    assert sum(kept) == STATE[row](r, c)
