# SPDX-License-Identifier: Apache-2.0
"""Rows whose steps are of low rank beside loops written from their papers, 20 steps in float64."""

from __future__ import annotations

import math

import pytest
import torch
from plain_family import Mean, compare, polar

import steepest

SHAPES = ((7, 7), (5, 9), (9, 5))


class KRank(Mean):
    """The best approximation of rank k of the mean, over its length, which the step multiplies."""

    def __init__(self, b, k, constrained):
        super().__init__(b)
        self.k, self.constrained = k, constrained

    def direction(self, g, w, step):
        m = self(g)
        u, s, vh = torch.linalg.svd(m, full_matrices=False)
        best = (u[:, : self.k] * s[: self.k]) @ vh[: self.k]
        return m, best / best.norm() if self.constrained else best


def test_k_rank_is_the_best_approximation():
    worst, _ = compare("k-rank(k=3)", lambda i: KRank(0.95, 3, False), shapes=SHAPES)
    assert worst < 1e-12


def test_k_rank_takes_the_step_that_momo_allows():
    plain = {"outer": "max", "update": "constrained"}
    worst, q = compare(
        "k-rank-momo", lambda i: KRank(0.95, 5, True), momo=0.1, lr=0.5, shapes=SHAPES, **plain
    )
    assert worst < 1e-11
    assert q < 0.9


def test_a_rank_of_all_is_normalized_descent():
    net, twin = (torch.nn.Linear(6, 4, dtype=torch.float64) for _ in range(2))
    twin.load_state_dict(net.state_dict())
    x = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    ours = steepest.KRank(net, lr=0.1, rank=4, momentum=0.9)
    theirs = torch.optim.SGD(twin.parameters(), lr=0.1)
    for model, optimizer in ((net, ours), (twin, theirs)):
        model(x).square().sum().backward()
        optimizer.step()
    assert torch.allclose(net.weight, twin.weight, rtol=0, atol=1e-12)


def _hashes(rows, first, columns):
    """The counter-based numbers in [-1, 1) of entries (i, first + j), by integers of Python."""

    def mix(x):
        for _ in range(2):
            x = (x ^ (x >> 16)) * 0x45D9F3B & 0xFFFFFFFF
        return ((x ^ (x >> 16)) >> 8) * 2.0**-23 - 1

    steps = range(first + 1, first + 1 + columns)
    return torch.tensor(
        [[mix((i + j * 0x1E3779B1) & 0xFFFFFFFF) for j in steps] for i in range(rows)],
        dtype=torch.float64,
    )


class Dion:
    """arXiv 2504.05295, algorithm 1, of a matrix that is tall, or transposed."""

    def __init__(self, shape, mu, fraction):
        self.mu, self.wide = mu, shape[0] < shape[1]
        n, d = max(shape), min(shape)
        self.k = max(1, math.ceil(fraction * d))
        self.m = torch.zeros(n, d, dtype=torch.float64)
        radius = (-2 * ((1 - _hashes(d, 0, self.k)) / 2).log()).sqrt()
        self.q = radius * (math.pi * _hashes(d, self.k, self.k)).cos()

    def direction(self, g, w, step):
        b = self.m + (g.T if self.wide else g)
        p, _ = torch.linalg.qr(b @ self.q)
        r = b.T @ p
        self.m = b - (1 - self.mu) * p @ r.T
        self.q = r / r.norm(dim=0)
        s = p @ self.q.T
        return (b.T, s.T) if self.wide else (b, s)


@pytest.mark.parametrize("fraction", [1, 0.4])
def test_dion_is_its_papers_loop(fraction):
    worst, _ = compare(
        f"dion(rank_fraction={fraction})",
        lambda i: Dion(SHAPES[i], 0.9, fraction),
        shapes=SHAPES,
        momentum=0.9,
        scale=lambda r, c: math.sqrt(r / c),
    )
    assert worst < 1e-10


class Dion2:
    """arXiv 2512.16928: rows of the momentum by their L1 norms, or columns of a tall one."""

    def __init__(self, shape, mu, fraction):
        self.mu, self.tall = mu, shape[0] > shape[1]
        self.k = math.ceil(fraction * min(shape))
        self.m = torch.zeros(min(shape), max(shape), dtype=torch.float64)

    def direction(self, g, w, step):
        self.m = self.m + (g.T if self.tall else g)
        u = self.m.clone()
        rows = u.abs().sum(1).topk(self.k).indices
        s = torch.zeros_like(u)
        s[rows] = polar(u[rows])
        self.m[rows] *= self.mu
        return (u.T, s.T) if self.tall else (u, s)


@pytest.mark.parametrize("fraction", [0.25, 0.6])
def test_dion2_is_its_papers_loop(fraction):
    worst, _ = compare(
        f"dion2(fraction={fraction})",
        lambda i: Dion2(SHAPES[i], 0.95, fraction),
        shapes=SHAPES,
        scale=lambda r, c: math.sqrt(r / c),
    )
    assert worst < 1e-11


def polar_of_range(m, least):
    """The polar factor of m on its singular values above ``least``: none of its null space."""
    u, s, vh = torch.linalg.svd(m, full_matrices=False)
    return u[:, s > least] @ vh[s > least]


class Cosmos:
    """arXiv 2502.17410; the momentum is a mean with Nesterov and Adam's correction, or neither."""

    def __init__(self, shape, rank, gamma, corrected):
        self.b1, self.b2, self.gamma, self.corrected = 0.9, 0.95, gamma, corrected
        self.m = torch.zeros(shape, dtype=torch.float64)
        self.k = min(rank, *shape)
        self.s = self.v = 0.0

    def _momentum(self, g, step):
        if not self.corrected:
            self.m = g if step == 1 else self.b1 * self.m + (1 - self.b1) * g
            return self.m
        self.m = self.b1 * self.m + (1 - self.b1) * g
        look = self.b1 * self.m + (1 - self.b1) * g
        return look / (self.b1 * (1 - self.b1**step) + 1 - self.b1)

    def _advance(self, g, step):
        first = step == 1
        keep = 0.0 if first and not self.corrected else self.b2
        take = 1 - keep
        if first:
            new = torch.linalg.svd(g, full_matrices=False).Vh[: self.k].T
            turned = 0.0
        else:
            new, _ = torch.linalg.qr(keep * self.u @ self.s + take * g.T @ (g @ self.u))
            turn = self.u.T @ new
            turned = keep * turn.T @ self.s @ turn
        self.u, p = new, g @ new
        self.s = turned + take * p.T @ p
        self.v = keep * self.v + take * p.square()

    def direction(self, g, w, step):
        m = self._momentum(g, step)
        self._advance(g, step)
        v = self.v / (1 - self.b2**step if self.corrected else 1)
        root = math.sqrt(g.numel())
        t = (m @ self.u) / (v.sqrt() + 1e-8) @ self.u.T
        o = polar_of_range(m - m @ self.u @ self.u.T, 1e-9 * m.norm())
        if o.any():
            t = t + self.gamma * root * o / o.norm()
        return m, root * t / t.norm()


@pytest.mark.parametrize("rank", [2, 5, 64])
def test_cosmos_is_its_papers_loop(rank):
    worst, _ = compare(
        f"cosmos(rank={rank},gamma=0.3)",
        lambda i: Cosmos(SHAPES[i], rank, 0.3, True),
        shapes=SHAPES,
        momentum=0.9,
        scale=lambda r, c: 0.1,
        lr=0.1,
    )
    assert worst < 1e-10


def test_cosmos_takes_the_step_that_momo_allows():
    worst, q = compare(
        "cosmos(rank=3)-momo",
        lambda i: Cosmos(SHAPES[i], 3, 0.2, False),
        momo=0.1,
        lr=1.0,
        shapes=SHAPES,
        scale=lambda r, c: 0.1,
        momentum=0.9,
        beta2=0.95,
        nesterov=False,
        start="first",
    )
    assert worst < 1e-10
    assert q < 0.9


@pytest.mark.parametrize("name", ["dion", "dion2"])
def test_error_feedback_has_no_momo_form(name):
    weight = torch.nn.Parameter(torch.ones(4, 3))
    with pytest.raises(ValueError, match="error_feedback: received true with step_size momo"):
        steepest.make(name, [{"params": [weight], "role": "matrix"}], step_size="momo")


@pytest.mark.parametrize(
    ("optimizer", "norm"),
    [
        (lambda p: steepest.KRank(p, rank=2), "k_support(k=2)"),
        (lambda p: steepest.Dion(p, rank_fraction=0.25), "dion(rank_fraction=0.25)"),
        (lambda p: steepest.Dion2(p, fraction=0.5), "dion2(fraction=0.5)"),
        (lambda p: steepest.COSMOS(p, rank=8, gamma=0.5), "cosmos(gamma=0.5, rank=8)"),
        (lambda p: steepest.make("dion(rank_fraction=0.5)", p), "dion(rank_fraction=0.5)"),
        (lambda p: steepest.make("dion2(side=rows)", p), "dion2(side=rows)"),
    ],
)
def test_what_a_constructor_is_given_is_its_norms(optimizer, norm):
    assert optimizer(torch.nn.Linear(3, 4))._plan().recipe["matrix"]["norm"] == norm
