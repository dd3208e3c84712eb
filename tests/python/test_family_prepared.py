# SPDX-License-Identifier: Apache-2.0
"""Rows that prepare a momentum for its polar factor beside loops written from their papers."""

from __future__ import annotations

import torch
from plain_family import Mean, check_cases, polar


class Prepared(Mean):
    """polar(A u), with A u = u / w for the divisor w(u, g) of the class; or the metric form."""

    metric = False

    def direction(self, g, w, step):
        u = self(g)
        divisor = self.divisor(u, g).expand_as(u)
        s = polar(u / divisor)
        if self.metric:
            s = s / divisor / (1 / divisor).square().mean().sqrt()
        return u, s


class MuonSquared(Prepared):
    """arXiv 2604.09967, algorithm 1; under start = "first" V begins with the first g^2."""

    v: torch.Tensor | None = None

    def divisor(self, u, g):
        self.v = g.square() if self.v is None else 0.95 * self.v + 0.05 * g.square()
        return self.v.sqrt() + 1e-10


class MetricMuonSquared(MuonSquared):
    metric = True


class MuonEq(Prepared):
    """arXiv 2603.28254, rows."""

    def divisor(self, u, g):
        return u.norm(dim=1, keepdim=True)


class ColumnsMuonEq(Prepared):
    def divisor(self, u, g):
        return u.norm(dim=0, keepdim=True)


class BothMuonEq(Prepared):
    def divisor(self, u, g):
        return u.norm(dim=1, keepdim=True) * u.norm(dim=0, keepdim=True)


class MetricMuonEq(MuonEq):
    metric = True


class Sign(Prepared):
    def divisor(self, u, g):
        return u.abs()


class SoapMuon(Mean):
    """modded-nanogpt, track 3, record 44: bases of the gradients before, V of the momentum.

    A long side's first factor is singular, and its basis any: the sides are of square matrices, or
    the short ones. The second step is the polar factor of signs, which may be singular where the
    matrix is small.
    """

    metric = False

    def direction(self, g, w, step):
        u = self(g)
        if step == 1:
            self.sides = [i for i in (0, 1) if g.shape[i] == min(g.shape)]
            self.factors = [g @ g.T, g.T @ g]
            self.q, self.v = [torch.eye(n, dtype=g.dtype) for n in g.shape], torch.zeros_like(g)
            return u, polar(u)
        for side in self.sides:
            self.turn(side, step)
        ql, qr = self.q
        rotated = ql.T @ u @ qr
        self.v = 0.9 * self.v + 0.1 * rotated.square()
        divisor = self.v.sqrt().clamp_min(1e-8)
        s = polar(ql @ (rotated / divisor) @ qr.T)
        if self.metric:
            unit = divisor * (1 / divisor).square().mean().sqrt()
            s = ql @ ((ql.T @ s @ qr) / unit) @ qr.T
        news = (g @ g.T, g.T @ g)
        self.factors = [0.9 * f + 0.1 * new for f, new in zip(self.factors, news, strict=True)]
        return u, s

    def turn(self, side, step):
        f, q = self.factors[side], self.q[side]
        if step == 2:
            self.q[side] = torch.linalg.eigh(f)[1].flip(1)
            return
        order = torch.argsort((q * (f @ q)).sum(0), descending=True)
        self.q[side] = torch.linalg.qr(f @ q[:, order])[0]
        self.v = self.v.index_select(side, order)


class MetricSoapMuon(SoapMuon):
    metric = True


class Aurora(Prepared):
    """tilde-research/aurora-release: two passes with beta .5, along the longer side."""

    passes, beta = 2, 0.5

    def divisor(self, u, g):
        rows, cols = u.shape
        if rows == cols:
            return torch.ones(1, 1, dtype=u.dtype)
        dim = 1 if rows > cols else 0
        target = min(rows, cols) / max(rows, cols)
        d = 1 / u.norm(dim=dim, keepdim=True)
        for _ in range(self.passes - 1):
            squares = polar(d * u).square().sum(dim, keepdim=True)
            d = d * (target / squares) ** self.beta
        return 1 / d


class SlowAurora(Aurora):
    passes, beta = 4, 0.3


SQUARE = {"shapes": ((9, 9), (12, 12))}
CASES = [
    ("muon-squared", MuonSquared, {}),
    ("muon-squared", MetricMuonSquared, {"norm": "muon_squared(form=metric)"}),
    ("muoneq", MuonEq, {}),
    ("muoneq", ColumnsMuonEq, {"norm": "muoneq(sides=columns)"}),
    ("muoneq", BothMuonEq, {"norm": "muoneq(sides=both)"}),
    ("muoneq", MetricMuonEq, {"norm": "muoneq(form=metric)"}),
    ("muon", Sign, {"norm": "spectral_sign"}),
    ("soap-muon", SoapMuon, SQUARE),
    ("soap-muon", SoapMuon, {"norm": "soap_muon(sides=short)", "shapes": ((8, 12), (12, 8))}),
    ("soap-muon", MetricSoapMuon, {"norm": "soap_muon(form=metric)", **SQUARE}),
    ("aurora", Aurora, {}),
    ("aurora", SlowAurora, {"norm": "aurora(passes=4,beta=0.3)"}),
]
TestCases = check_cases(CASES)
