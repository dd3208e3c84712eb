# SPDX-License-Identifier: Apache-2.0
"""Rows of the catalog beside loops written from their papers, 20 steps in float64."""

from __future__ import annotations

import torch
from plain_family import Mean, compare, polar


class NorMuon(Mean):
    """arXiv 2510.05491: rows over the root of their mean square so far, the norm kept."""

    v: float | torch.Tensor = 0.0

    def direction(self, g, w, step):
        u = self(g)
        s = polar(u)
        self.v = 0.95 * self.v + 0.05 * s.square().mean(1, keepdim=True)
        scaled = s / (self.v.sqrt() + 1e-10)
        return u, scaled * s.norm() / scaled.norm()


MEAN = {"momentum_form": "ema", "start": "first", "nesterov": False, "radius": "none"}


def test_normuon_is_its_papers_loop():
    worst, _ = compare("normuon", lambda i: NorMuon(0.95), **MEAN)
    assert worst < 1e-12


def test_normuon_takes_the_step_that_momo_allows():
    worst, q = compare("normuon-momo", lambda i: NorMuon(0.95), momo=0.1, lr=0.1, **MEAN)
    assert worst < 1e-11
    assert q < 0.9
