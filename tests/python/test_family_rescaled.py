# SPDX-License-Identifier: Apache-2.0
"""Rows that rescale a direction beside loops written from their papers, 20 steps in float64."""

from __future__ import annotations

import torch
from plain_family import Mean, check_cases, compare, polar


def to_norm(x: torch.Tensor, norm) -> torch.Tensor:
    return x * norm / x.norm()


class Rescaled(Mean):
    """polar(M), then ``rescale(s, w)`` of the class."""

    def direction(self, g, w, step):
        u = self(g)
        return u, self.rescale(polar(u), w)


class LongerNorMuon(Rescaled):
    """As modded-nanogpt has it: a mean for each row, of a wide matrix for each column."""

    v: float | torch.Tensor = 0.0

    def rescale(self, s, w):
        dim = 1 if s.shape[0] >= s.shape[1] else 0
        self.v = 0.95 * self.v + 0.05 * s.square().mean(dim, keepdim=True)
        return to_norm(s / (self.v.sqrt() + 1e-10), s.norm())


class AdaMuon(Mean):
    """arXiv 2507.11005, algorithm 1: polar(sign(M)) over the root of its mean square."""

    v: float | torch.Tensor = 0.0
    rms: float | None = None

    def direction(self, g, w, step):
        u = self(g)
        s = polar(u.sign())
        self.v = 0.95 * self.v + 0.05 * s.square()
        scaled = s / (self.v.sqrt() + 1e-8)
        norm = s.norm() if self.rms is None else self.rms * (s.numel()) ** 0.5
        return u, to_norm(scaled, norm)


class PaperAdaMuon(AdaMuon):
    rms = 0.2


class MuonPlus(Rescaled):
    """arXiv 2602.21545, its mode col_row, at Muon's size."""

    def rescale(self, s, w):
        return to_norm(self.lines(s), s.norm())

    def lines(self, s):
        s = s / s.square().sum(0, keepdim=True).sqrt()
        return s / s.square().sum(1, keepdim=True).sqrt()


class PaperMuonPlus(MuonPlus):
    """Its mode row_col at its own size."""

    def rescale(self, s, w):
        s = s / s.square().sum(1, keepdim=True).sqrt()
        return s / s.square().sum(0, keepdim=True).sqrt()


class Floor(Rescaled):
    """modded-nanogpt's u/w floor of .35, which a polar factor of these weights often meets."""

    def rescale(self, s, w):
        return s * max(1.0, float(2 * w.norm() / s.norm()))


class RowFloor(Rescaled):
    def rescale(self, s, w):
        return s * torch.clamp(1.5 * w.norm(dim=1) / s.norm(dim=1), min=1).unsqueeze(1)


class Relative(Rescaled):
    def rescale(self, s, w):
        return to_norm(s, 0.5 * w.norm())


CASES = [
    ("normuon", LongerNorMuon, {"rescale": "normuon(axis=longer)"}),
    ("adamuon", AdaMuon, {}),
    ("adamuon", PaperAdaMuon, {"rescale": "adamuon(rms=0.2)"}),
    ("muon-plus", MuonPlus, {}),
    ("muon-plus", PaperMuonPlus, {"rescale": "muon_plus(axis=rows_columns,scale=paper)"}),
    ("muon", Floor, {"rescale": "floor(ratio=2)"}),
    ("muon", RowFloor, {"rescale": "floor(axis=rows,ratio=1.5)"}),
    ("muon", Relative, {"rescale": "relative(ratio=0.5)"}),
]
TestCases = check_cases(CASES)


def test_muons_radius_and_nesterov_come_by_themselves():
    class Nesterov(AdaMuon):
        def direction(self, g, w, step):
            if self.m is None:
                self.m = torch.zeros_like(g)
            m = self(g)
            u = 0.05 * g + 0.95 * m
            s = polar(u.sign())
            self.v = 0.95 * self.v + 0.05 * s.square()
            return u, to_norm(s / (self.v.sqrt() + 1e-8), s.norm())

    worst, _ = compare(
        "adamuon", lambda i: Nesterov(0.95), scale=lambda r, c: max(1.0, r / c) ** 0.5
    )
    assert worst < 1e-9
