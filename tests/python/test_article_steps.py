# SPDX-License-Identifier: Apache-2.0
"""The formulas of docs/report/ that say which step minimizes what, in float64.

A convex objective has its minimum where no small change lowers it: every claim is tried against
changes of many sizes, beside its closed form.
"""

import math

import pytest
import torch

DOUBLE = torch.float64
SHAPES = [(4, 3), (3, 7), (6, 6)]


def svd(x):
    return torch.linalg.svd(x, full_matrices=False)


def values(x):
    return torch.linalg.svdvals(x)


def inner(x, y):
    return float((x * y).sum())


def normal(*shape):
    return torch.randn(*shape, dtype=DOUBLE)


# -- the norms of the page, as functions of the singular values ------------------------------------


def k_support_norm(sigma, k):
    """The k-support norm in closed form (Argyriou, Foygel and Srebro, proposition 2.1)."""
    s = sigma.tolist()
    for r in range(k):
        tail = sum(s[k - r - 1 :])
        before = s[k - r - 2] if k - r - 2 >= 0 else math.inf
        if before > tail / (r + 1) >= s[k - r - 1]:
            return math.sqrt(sum(x * x for x in s[: k - r - 1]) + tail * tail / (r + 1))
    raise AssertionError("one r fits always")


def tau_of(sigma):
    """The largest k with sigma_k > tau_k, tau_k = (sigma_1 + .. + sigma_k) / (k + 1)."""
    taus = sigma.cumsum(0) / torch.arange(2, len(sigma) + 2, dtype=DOUBLE)
    return taus[int((sigma > taus).nonzero().max())]


def text_tau_of(sigma):
    """The root of |[sigma - tau]+| = tau, by bisection."""
    low, high = torch.zeros((), dtype=DOUBLE), sigma[0].clone()
    for _ in range(200):
        tau = (low + high) / 2
        if (sigma - tau).clamp_min(0).norm() > tau:
            low = tau
        else:
            high = tau
    return tau


def f_star_pair(sigma):
    d = (sigma - tau_of(sigma)).clamp_min(0)
    e = tau_of(sigma) ** 2 + d.square().sum()
    return d / (e / 2).sqrt(), (2 * e).sqrt()


def text_pair(sigma):
    d = (sigma - text_tau_of(sigma)).clamp_min(0)
    return 2 * d / (d.norm() + d.sum()), 2 * text_tau_of(sigma)


def first(sigma, k):
    return (torch.arange(len(sigma)) < k).to(DOUBLE)


# norm of the singular values; the direction's singular values and the dual, of those of m
NORMS = {
    "spectral": (lambda s: s.max(), lambda s: (torch.ones_like(s), s.sum())),
    "schatten": (  # p = 4, q = 4/3
        lambda s: s.pow(4).sum().pow(1 / 4),
        lambda s: ((s / s.norm(4 / 3)).pow(1 / 3), s.norm(4 / 3)),
    ),
    "nuclear": (lambda s: s.sum(), lambda s: (first(s, 1), s[0])),
    "ky_fan": (
        lambda s: torch.maximum(s.max(), s.sum() / 2),
        lambda s: (first(s, 2), s[:2].sum()),
    ),
    "k_support": (
        lambda s: k_support_norm(s, 2),
        lambda s: (s * first(s, 2) / s[:2].norm(), s[:2].norm()),
    ),
    "f_star": (lambda s: ((s.square().sum() + s.sum() ** 2) / 2).sqrt(), f_star_pair),
    "f_star as printed, without its square": (lambda s: (s.norm() + s.sum()) / 2, text_pair),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NORMS)
def test_the_direction_is_steepest_and_its_norm_is_1(name, shape):
    norm, pair = NORMS[name]
    for _ in range(20):
        m = normal(*shape)
        u, s, vh = svd(m)
        x, dual = pair(s)
        direction = u * x @ vh
        assert float(norm(values(direction))) == pytest.approx(1, rel=1e-10)
        assert inner(m, direction) == pytest.approx(float(dual), rel=1e-10)
        for scale in (1e-4, 1e-2, 1.0):  # near the direction, and anywhere
            other = direction + scale * normal(*shape)
            assert inner(m, other) <= float(dual * norm(values(other))) * (1 + 1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NORMS)
def test_the_regularized_step_is_the_minimizer(name, shape):
    """Of <G, D> + lam |D|^2: -dual s / (2 lam), where the objective is -dual^2 / (4 lam)."""
    norm, pair = NORMS[name]
    for lam in (0.3, 4.0):
        g = normal(*shape)
        u, s, vh = svd(g)
        x, dual = pair(s)
        step = -(dual / (2 * lam)) * (u * x @ vh)
        objective = lambda d, g=g, lam=lam: inner(g, d) + lam * float(norm(values(d))) ** 2
        least = objective(step)
        assert least == pytest.approx(-(float(dual) ** 2) / (4 * lam), rel=1e-10)
        for scale in (1e-5, 1e-3, 1e-1, 1.0):
            for _ in range(30):
                assert objective(step + scale * normal(*shape)) >= least - 1e-12


def test_f_star_has_the_factor_1_over_lambda_and_neon_half_of_it():
    """Equations (5) and (6) of "Neon" hold for the norm whose square is the mean of squares; (4)
    has the step twice as long as the minimizer."""
    g, lam = normal(5, 4), 0.7
    u, s, vh = svd(g)
    x, dual = f_star_pair(s)
    d = (s - tau_of(s)).clamp_min(0)
    assert float(d.sum()) == pytest.approx(float(tau_of(s)), rel=1e-12)
    assert torch.allclose(dual / (2 * lam) * x, d / lam, rtol=1e-12)
    objective = lambda t: -t * float(s[0]) + lam * t * t  # of the step -t u_1 v_1^T
    minimizer, printed = float(s[0]) / (2 * lam), float(s[0]) / lam
    assert objective(minimizer) == pytest.approx(-(float(s[0]) ** 2) / (4 * lam))
    assert objective(printed) == pytest.approx(0, abs=1e-12)  # nothing is gained


def test_the_closed_form_of_tau_is_the_root():
    for n in (1, 2, 5, 40):
        for _ in range(50):
            sigma = torch.rand(n, dtype=DOUBLE).pow(3).sort(descending=True).values + 1e-9
            tau = tau_of(sigma)
            assert float((sigma - tau).clamp_min(0).sum()) == pytest.approx(float(tau), rel=1e-12)


def test_what_stands_under_the_root_as_printed_is_no_norm():
    """It doubles where a norm's square quadruples."""
    printed = lambda s: float((s.norm() + s.sum()) / 2)
    s = torch.tensor([3.0, 1.0], dtype=DOUBLE)
    assert math.sqrt(printed(2 * s)) == pytest.approx(math.sqrt(2) * math.sqrt(printed(s)))


def test_traces_are_bounded_by_singular_values():
    """<G, X> <= sum sigma_i(G) sigma_i(X), and <G, P> <= KF_k(G) for partial isometries P."""
    for shape in SHAPES:
        for _ in range(100):
            g, x = normal(*shape), normal(*shape)
            assert inner(g, x) <= float((values(g) * values(x)).sum()) * (1 + 1e-12)
            k = 2
            p = torch.linalg.qr(normal(shape[0], k))[0] @ torch.linalg.qr(normal(shape[1], k))[0].T
            assert inner(g, p) <= float(values(g)[:k].sum()) * (1 + 1e-12)


def test_the_rms_to_rms_norm_has_a_step_that_equation_3_shortens():
    """n = d_out, m = d_in: norm sqrt(m/n) |X|_2, dual sqrt(n/m) |G|_nuc, s = sqrt(n/m) U V^T."""
    n, m = 6, 3
    g = normal(n, m)
    u, s, vh = svd(g)
    rms = lambda x: float(x.square().mean().sqrt())
    sizes = [rms(g @ v) / rms(v) for v in normal(200, m)]
    assert max(sizes) <= math.sqrt(m / n) * float(s[0]) * (1 + 1e-12)
    assert rms(g @ vh[0]) / rms(vh[0]) == pytest.approx(math.sqrt(m / n) * float(s[0]))
    lam, direction = 0.7, math.sqrt(n / m) * (u @ vh)
    dual = math.sqrt(n / m) * float(s.sum())
    assert inner(g, direction) == pytest.approx(dual)
    objective = lambda d: inner(g, d) + lam * m / n * float(values(d)[0]) ** 2
    least = objective(-dual / (2 * lam) * direction)
    assert least == pytest.approx(-(dual**2) / (4 * lam))
    assert objective(-direction / lam) > least  # equation (3): the constrained step
    for scale in (1e-3, 1e-1):
        for _ in range(100):
            assert objective(-dual / (2 * lam) * direction + scale * normal(n, m)) >= least - 1e-12


# -- the outer norm, and Momo ----------------------------------------------------------------------

OUTER = {  # of three matrices and two others: the norm of x >= 0, its maximizer of <d, x>, the dual
    "max": (lambda x: x.max(), lambda d: (torch.ones_like(d), d.sum())),
    "l2": (lambda x: x.norm(), lambda d: (d / d.norm(), d.norm())),
    "hybrid": (
        lambda x: torch.cat([x[:3].max().view(1), x[3:]]).norm(),
        lambda d: (
            torch.cat([d[:3].sum().expand(3), d[3:]]) / math.hypot(d[:3].sum(), d[3:].norm()),
            torch.cat([d[:3].sum().view(1), d[3:]]).norm(),
        ),
    ),
}


@pytest.mark.parametrize("name", OUTER)
def test_an_outer_norm_shares_a_step_as_the_table_says(name):
    norm, pair = OUTER[name]
    for _ in range(50):
        d = torch.rand(5, dtype=DOUBLE)
        x, dual = pair(d)
        assert float(norm(x)) == pytest.approx(1) and float(d @ x) == pytest.approx(float(dual))
        for scale in (1e-3, 1.0):
            other = (x + scale * normal(5)).clamp_min(0)
            assert float(d @ other) <= float(dual * norm(other)) * (1 + 1e-12)


@pytest.mark.parametrize("gap", [-0.5, 0.1, 2.0, 1e3])
def test_momos_step_minimizes_the_truncated_model(gap):
    """Of max(<m, x>, -gap), f* = 0, within the ball, and with |x|^2 / 2 added; no shorter step is
    as low."""
    m = normal(4, 3)
    u, s, vh = svd(m)
    direction, dual = u @ vh, float(s.sum())
    model = lambda x: max(inner(m, x), -gap)
    size = lambda x: float(values(x)[0])
    penalized = lambda x: model(x) + size(x) ** 2 / 2
    q = min(1.0, max(gap, 0.0) / dual)
    least = model(-q * direction)
    q_regularized = min(1.0, max(gap, 0.0) / dual**2)
    regularized = -q_regularized * dual * direction
    for scale in (1e-3, 1e-1, 1.0):
        for _ in range(100):
            other = -q * direction + scale * normal(4, 3)
            other = other / max(1.0, size(other))
            assert model(other) >= least - 1e-12
            assert size(other) >= q - 1e-12 or model(other) > least - 1e-12
            near = regularized + scale * normal(4, 3)
            assert penalized(near) >= penalized(regularized) - 1e-12
    if 0 < gap < min(dual, dual**2):  # where it binds, the two steps are one
        assert torch.allclose(regularized, -q * direction, rtol=1e-12)


def test_duals_of_an_average_change_by_little():
    """|D_t - D_(t-1)| <= (1 - b) |g_t - m_(t-1)|_*, the change that stale duals leave out."""
    b, m = 0.95, normal(5, 4)
    for _ in range(100):
        g = normal(5, 4)
        after = b * m + (1 - b) * g
        change = float(values(after).sum() - values(m).sum())
        assert abs(change) <= (1 - b) * float(values(g - m).sum()) * (1 + 1e-12)
        m = after
