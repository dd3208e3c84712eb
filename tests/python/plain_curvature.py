# SPDX-License-Identifier: Apache-2.0
"""Shampoo, KL-Shampoo and SOAP, one matrix in float64 as their papers write them."""

from __future__ import annotations

import torch
from plain_family import Mean

B = 0.95  # of momentum and factors
# SOAP's: the first gradient is diagonal in its own bases, and elsewhere rounding over rounding.
EPS = 1e-5


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
