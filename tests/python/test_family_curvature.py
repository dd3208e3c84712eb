# SPDX-License-Identifier: Apache-2.0
"""Shampoo, SOAP and their kin beside loops written from their papers, 20 steps in float64."""

from __future__ import annotations

import pytest
import torch
from plain_family import SHAPES, Mean, compare, polar

import steepest

B = 0.95  # of momentum and factors
# SOAP's: the first gradient is diagonal in its own bases, and elsewhere rounding over rounding.
EPS = 1e-5
FIRST = {"start": "first", "momentum": B, "beta2": B}
SQUARE = ((5, 5), (4, 4), (6, 6))  # of a long side's factor the basis is not unique


class Corrected:
    """The momentum m <- b m + (1 - b) g from zero, over 1 - b^t."""

    def __init__(self, b: float) -> None:
        self.b, self.m, self.t = b, 0.0, 0

    def __call__(self, g):
        self.t += 1
        self.m = self.b * self.m + (1 - self.b) * g
        return self.m / (1 - self.b**self.t)


def inverse_power(f, p: float, eps: float):
    d, q = torch.linalg.eigh(f)
    return q @ torch.diag((d.clamp(min=0) + eps * d.max()) ** -p) @ q.T


def is_due(step: int, leaf: int, refresh: int) -> bool:
    return step == 1 or (step - 1 + leaf) % refresh == 0


class Shampoo:
    """arXiv 1802.09568 with means or sums, and the grafts of Distributed Shampoo."""

    def __init__(
        self, leaf, refresh=3, power=0.25, sides="both", sums=False, graft="none", corrected=False
    ):
        self.leaf, self.refresh, self.power, self.sides = leaf, refresh, power, sides
        self.sums, self.graft, self.corrected = sums, graft, corrected
        self.mean = Corrected(B) if corrected else Mean(B)
        self.left = self.right = self.v = 0.0

    def root(self, f, step):
        scale = 1 - B**step if self.corrected and not self.sums else 1.0
        return inverse_power(f / scale, self.power, 1e-6)

    def direction(self, g, w, step):
        u = self.mean(g)
        keep = 0.0 if step == 1 and not self.corrected else B
        take = 1 - keep
        if self.sums:
            keep = take = 1.0
        self.left = keep * self.left + take * g @ g.T
        self.right = keep * self.right + take * g.T @ g
        squares = (1.0, 1.0) if self.graft == "adagrad" else (keep, take)
        self.v = squares[0] * self.v + squares[1] * g.square()
        if is_due(step, self.leaf, self.refresh):
            self.l_root, self.r_root = self.root(self.left, step), self.root(self.right, step)
        short_left = g.shape[0] <= g.shape[1]
        s = u
        if self.sides == "both" or (self.sides == "short" and short_left):
            s = self.l_root @ s
        if self.sides == "both" or (self.sides == "short" and not short_left):
            s = s @ self.r_root
        if self.graft == "none":
            return u, s
        scale = 1 - B**step if self.graft == "adam" and self.corrected else 1.0
        other = u if self.graft == "sgd" else u / ((self.v / scale).sqrt() + 1e-8)
        return u, s * other.norm() / s.norm()


class KlFactors:
    """arXiv 2509.03378: both factors with their eigenvectors and eigenvalues."""

    def __init__(self, leaf, refresh=3):
        self.leaf, self.refresh, self.mean = leaf, refresh, Corrected(B)

    def begin(self, g):
        r, c = g.shape
        self.factors = [(1 - B) * g @ g.T / c, (1 - B) * g.T @ g / r]
        self.bases = [torch.linalg.eigh(f)[1].flip(1) for f in self.factors]
        self.values = [torch.full((n,), 0.1, dtype=g.dtype) for n in (r, c)]

    def take(self, g, step):
        r, c = g.shape
        inverses = [
            q @ torch.diag(1 / d) @ q.T for q, d in zip(self.bases, self.values, strict=True)
        ]
        whole = [g @ inverses[1] @ g.T / c, g.T @ inverses[0] @ g / r]
        for i in range(2):
            if step > 1:
                self.factors[i] = B * self.factors[i] + (1 - B) * whole[i]
            diagonal = (self.bases[i].T @ whole[i] @ self.bases[i]).diagonal()
            smallest = 1 / max(10, min(len(diagonal), 4000)) ** 2
            self.values[i] = (B * self.values[i] + (1 - B) * diagonal).clamp(min=smallest)

    def turn(self):
        self.bases = [
            torch.linalg.qr(f @ q)[0] for f, q in zip(self.factors, self.bases, strict=True)
        ]


class KlShampoo(KlFactors):
    def direction(self, g, w, step):
        u = self.mean(g)
        if step == 1:
            self.begin(g)
        self.take(g, step)
        if step > 1 and is_due(step, self.leaf, self.refresh):
            self.turn()
        (a, b), (x, y) = self.bases, self.values
        return u, a @ ((a.T @ u @ b) / x.sqrt()[:, None] / y.sqrt()) @ b.T


class KlSoap(KlFactors):
    v = 0.0

    def direction(self, g, w, step):
        u = self.mean(g)
        if step == 1:
            self.begin(g)
        elif is_due(step, self.leaf, self.refresh):
            self.turn()
        a, b = self.bases
        self.v = B * self.v + (1 - B) * (a.T @ g @ b).square()
        self.take(g, step)
        metric = (self.v / (1 - B**step)).sqrt() + EPS / (1 - B**step) ** 0.5
        return u, a @ ((a.T @ u @ b) / metric) @ b.T


class Soap:
    """arXiv 2409.11321; the sides that have no factor keep the identity."""

    def __init__(self, leaf, sides="both", refresh=3):
        self.leaf, self.sides, self.refresh, self.mean = leaf, sides, refresh, Corrected(B)
        self.v = 0.0

    def direction(self, g, w, step):
        u = self.mean(g)
        r, c = g.shape
        has = [self.sides == "both" or r <= c, self.sides == "both" or r > c]
        products = [g @ g.T, g.T @ g]
        if step == 1:
            self.factors = [(1 - B) * p for p in products]
            self.bases = [
                torch.linalg.eigh(f)[1].flip(1) if h else torch.eye(len(f), dtype=f.dtype)
                for f, h in zip(self.factors, has, strict=True)
            ]
        elif is_due(step, self.leaf, self.refresh):
            for i in (i for i in range(2) if has[i]):
                q = self.bases[i]
                order = (q.T @ self.factors[i] @ q).diagonal().argsort(descending=True)
                self.v = self.v.index_select(i, order)
                self.bases[i] = torch.linalg.qr(self.factors[i] @ q[:, order])[0]
        a, b = self.bases
        self.v = B * self.v + (1 - B) * (a.T @ g @ b).square()
        if step > 1:
            self.factors = [
                B * f + (1 - B) * p for f, p in zip(self.factors, products, strict=True)
            ]
        metric = self.v.sqrt() + EPS
        return u, a @ ((a.T @ u @ b) / metric * (1 - B**step) ** 0.5) @ b.T


CORRECTED = {"start": "corrected", "momentum": B, "beta2": B}
GRAFTED = {"update": "constrained", "outer": "max", "backup": "ada_inf"}
CASES = {
    "shampoo": (
        "shampoo",
        lambda i: Shampoo(i),
        {"norm": "shampoo(refresh=3)", **FIRST},
    ),
    "its correction": (
        "shampoo",
        lambda i: Shampoo(i, corrected=True),
        {"norm": "shampoo(refresh=3)", **CORRECTED},
    ),
    "asgo": (
        "asgo",
        lambda i: Shampoo(i, power=0.5, sides="short", refresh=10, corrected=True),
        CORRECTED,
    ),
    "sums": (
        "shampoo",
        lambda i: Shampoo(i, sums=True, graft="adagrad"),
        {"norm": "shampoo(refresh=3,accumulate=sum,graft=adagrad)", **GRAFTED, **FIRST},
    ),
    "graft sgd": (
        "shampoo",
        lambda i: Shampoo(i, graft="sgd"),
        {"norm": "shampoo(refresh=3,graft=sgd)", **GRAFTED, **FIRST},
    ),
    "graft adam": (
        "shampoo",
        lambda i: Shampoo(i, graft="adam", corrected=True),
        {"norm": "shampoo(refresh=3,graft=adam)", **GRAFTED, **CORRECTED},
    ),
    "graft rmsprop": (
        "shampoo",
        lambda i: Shampoo(i, graft="rmsprop", corrected=True),
        {"norm": "shampoo(refresh=3,graft=rmsprop)", **GRAFTED, **CORRECTED},
    ),
    "kl-shampoo": (
        "kl-shampoo",
        KlShampoo,
        {"norm": "kl_shampoo(refresh=3)", "shapes": SQUARE, **CORRECTED},
    ),
    "kl-soap": (
        "kl-soap",
        KlSoap,
        {"norm": "soap(kl=true,refresh=3)", "eps": EPS, "shapes": SQUARE, **CORRECTED},
    ),
    "soap": ("soap", Soap, {"norm": "soap(refresh=3)", "eps": EPS, "shapes": SQUARE, **CORRECTED}),
    "soap of one side": (
        "soap",
        lambda i: Soap(i, "short"),
        {"norm": "soap(refresh=3,sides=short)", "eps": EPS, **CORRECTED},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_its_papers_loop(case):
    name, plain, options = CASES[case]
    worst, _ = compare(name, plain, **options)
    print(f"{case}: {worst:.1e}")
    assert worst < 1e-9


@pytest.mark.parametrize("case", ["shampoo", "graft sgd", "sums"])
def test_a_row_takes_the_step_that_momo_allows(case):
    name, plain, options = CASES[case]
    worst, q = compare(f"{name}-momo", plain, momo=-0.4, lr=0.2, **options)
    print(f"{case}: {worst:.1e}, smallest q {q:.2f}")
    assert worst < 1e-9
    assert 0 < q < 0.9


def weight(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype))


def stepped(name, shape, gradients, dtype=torch.float64, **options):
    """The weights before and after the steps, and the optimizer."""
    w = weight(shape, dtype=dtype)
    before = w.detach().clone()
    optimizer = steepest.make(name, [{"params": [w], "role": "matrix"}], lr=0.1, **options)
    for g in gradients:
        w.grad = g
        optimizer.step()
    return before, w.detach(), optimizer


@pytest.mark.parametrize("shape", SHAPES)
def test_shampoo_of_one_gradient_is_its_polar_factor(shape):
    g = weight(shape, 1).detach()
    options = {"norm": "shampoo(eps=0)", "momentum": 0, "beta2": 0, "weight_decay": 0}
    before, after, _ = stepped("shampoo", shape, [g], **options)
    if shape[0] != shape[1]:  # eps keeps the long side's null space, which g has no part in, finite
        options["norm"] = "shampoo(eps=1e-15)"
        before, after, _ = stepped("shampoo", shape, [g], **options)
    assert (before - after - 0.1 * polar(g)).abs().max() < 1e-9


def test_shampoomax_moves_by_the_sum_of_all_duals():
    loops = [Shampoo(i, corrected=True) for i in range(2)]
    shapes = ((4, 6), (5, 5))
    params = [weight(s, i) for i, s in enumerate(shapes)]
    plain = [p.detach().clone() for p in params]
    optimizer = steepest.make(
        "shampoomax",
        [{"params": params, "role": "matrix"}],
        lr=0.02,
        norm="shampoo(refresh=3)",
        **CORRECTED,
    )
    for step in range(1, 21):
        gradients = [weight(s, 10 * step + i).detach() for i, s in enumerate(shapes)]
        answers = [
            loop.direction(g, w, step) for loop, g, w in zip(loops, gradients, plain, strict=True)
        ]
        duals = [(u * x).sum().sqrt() for u, x in answers]
        plain = [
            w - 0.02 * sum(duals) * x / d
            for w, (_, x), d in zip(plain, answers, duals, strict=True)
        ]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        optimizer.step()
    worst = max((p - w).abs().max() for p, w in zip(params, plain, strict=True))
    assert worst < 1e-9


NORMS = [
    "shampoo",
    "shampoo(graft=adam)",
    "shampoo(power=0.5,sides=short)",
    "kl_shampoo",
    "soap",
    "soap(kl=true)",
    "soap(vectors=true)",
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(5, 4), (1, 6), (6, 1), (1, 1)])
def test_a_gradient_that_is_zero_moves_nothing_and_the_next_one_does(norm, shape):
    zero = torch.zeros(shape, dtype=torch.float64)
    before, after, optimizer = stepped("soap", shape, [zero], norm=norm, weight_decay=0)
    assert torch.equal(before, after)
    (w,) = optimizer.param_groups[0]["params"]
    w.grad = weight(shape, 3).detach()
    optimizer.step()
    assert torch.isfinite(w).all()
    assert not torch.equal(w, before)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_no_number_is_passed_on(norm, value):
    gradients = [weight((5, 4), i).detach() for i in range(3)]
    gradients[1][2, 3] = value
    norm = norm[:-1] + ",refresh=1)" if norm.endswith(")") else norm + "(refresh=1)"
    _, after, _ = stepped("soap", (5, 4), gradients, norm=norm)
    assert after.isnan().any()


@pytest.mark.parametrize("norm", NORMS)
def test_half_precision_weights_follow_those_in_float64(norm):
    gradients = [weight((6, 5), i).detach().bfloat16() for i in range(4)]
    _, half, _ = stepped("soap", (6, 5), gradients, torch.bfloat16, norm=norm)
    start = weight((6, 5), dtype=torch.bfloat16).double()
    w = torch.nn.Parameter(start)
    optimizer = steepest.make("soap", [{"params": [w], "role": "matrix"}], lr=0.1, norm=norm)
    for g in gradients:
        w.grad = g.double()
        optimizer.step()
    assert half.dtype == torch.bfloat16
    assert (half.double() - w).abs().max() < 0.1


@pytest.mark.parametrize("norm", NORMS)
def test_a_state_goes_on_where_it_was_saved(norm):
    norm = norm[:-1] + ",refresh=2)" if norm.endswith(")") else norm + "(refresh=2)"
    gradients = [weight((5, 4), i).detach() for i in range(6)]
    _, whole, _ = stepped("soap", (5, 4), gradients, norm=norm)
    _, half, optimizer = stepped("soap", (5, 4), gradients[:3], norm=norm)
    w = torch.nn.Parameter(half.clone())
    other = steepest.make("soap", [{"params": [w], "role": "matrix"}], lr=0.1, norm=norm)
    other.load_state_dict(optimizer.state_dict())
    for g in gradients[3:]:
        w.grad = g
        other.step()
    assert torch.equal(w, whole)


def test_no_step_refreshes_all_matrices():
    params = [weight((4, 4), i) for i in range(6)]
    optimizer = steepest.make(
        "shampoo", [{"params": params, "role": "matrix"}], lr=0.1, norm="shampoo(refresh=3)"
    )
    changed = []
    for step in range(1, 8):
        before = [optimizer.state[p].get("left_inverse_power") for p in params]
        before = [None if x is None else x.clone() for x in before]
        for i, p in enumerate(params):
            p.grad = weight((4, 4), 10 * step + i).detach()
        optimizer.step()
        after = [optimizer.state[p]["left_inverse_power"] for p in params]
        changed.append(
            sum(x is None or not torch.equal(x, y) for x, y in zip(before, after, strict=True))
        )
    assert changed == [6, 2, 2, 2, 2, 2, 2]


def test_vectors_get_a_basis_where_they_are_asked_to():
    p = weight((6,))
    optimizer = steepest.make(
        "soap", [{"params": [p], "role": "backup"}], lr=0.1, backup="soap(vectors=true)"
    )
    p.grad = weight((6,), 1).detach()
    optimizer.step()
    assert sorted(x for x in optimizer.state[p] if "eigenvectors" in x) != []


def test_a_wrong_argument_is_answered_in_one_line():
    for norm in ("shampoo(graft=lion)", "soap(sides=top)", "shampoo(power=2)"):
        with pytest.raises(ValueError, match="graft|sides|power"):
            steepest.make("soap", [weight((4, 4))], norm=norm)
