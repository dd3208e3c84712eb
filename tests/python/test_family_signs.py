# SPDX-License-Identifier: Apache-2.0
"""Lion and Signum, and the decay of SODA, beside loops written from their papers."""

from __future__ import annotations

import itertools

import pytest
import torch
from networks import goes_on
from plain_family import MEAN, Mean, compare, polar

import steepest


class Signum(Mean):
    """arXiv 1802.04434, algorithm 2: momentum, which is 0 before the first step, then its sign."""

    def direction(self, g, w, step):
        if self.m is None:
            self.m = torch.zeros_like(g)
        u = self(g)
        return u, u.sign()


class Lion:
    """arXiv 2302.06675, algorithm 2; ``first``: m is the first gradient before the first step."""

    def __init__(self, b1=0.9, b2=0.99, first=False):
        self.b1, self.b2, self.first, self.m = b1, b2, first, None

    def __call__(self, g):
        if self.m is None:
            self.m = g if self.first else torch.zeros_like(g)
        c = self.b1 * self.m + (1 - self.b1) * g
        self.m = self.b2 * self.m + (1 - self.b2) * g
        return c

    def direction(self, g, w, step):
        c = self(g)
        return c, c.sign()


def test_signum_is_its_papers_loop():
    worst, _ = compare("signum", lambda i: Signum(0.9), momentum=0.9)
    assert worst < 1e-12


def test_signum_takes_the_step_that_momo_allows():
    class First(Mean):
        def direction(self, g, w, step):
            u = self(g)
            return u, u.sign()

    worst, q = compare("signum-momo", lambda i: First(0.9), momo=0.1, lr=0.05, momentum=0.9)
    assert worst < 1e-11
    assert q < 0.9


@pytest.mark.parametrize("betas", [(0.9, 0.99), (0.5, 0.8), (0.9, 0.9), (0.0, 0.9)])
def test_lion_is_its_papers_loop(betas):
    worst, _ = compare("lion", lambda i: Lion(*betas), betas=betas)
    assert worst < 1e-12


def test_lion_takes_the_step_that_momo_allows():
    worst, q = compare(
        "lion-momo", lambda i: Lion(first=True), momo=0.1, lr=0.05, mean=lambda: Lion(first=True)
    )
    assert worst < 1e-11
    assert q < 0.9


def test_lion_reads_both_betas_at_every_step():
    p = torch.nn.Parameter(torch.zeros(30, 30, dtype=torch.float64))
    optimizer, plain = steepest.Lion([p], lr=0.1), Lion()
    expected = p.detach().clone()
    for step, betas in enumerate([(0.9, 0.99), (0.2, 0.99), (0.2, 0.5), (0.8, 0.95)]):
        optimizer.param_groups[0]["betas"] = betas
        plain.b1, plain.b2 = betas
        p.grad = torch.sin(torch.arange(1.0, 901, dtype=torch.float64) * (step + 1)).view(30, 30)
        expected -= 0.1 * plain(p.grad).sign()
        optimizer.step()
    assert float((p.detach() - expected).abs().max()) < 1e-14


@pytest.mark.parametrize("betas", [(0.99, 0.9), (0.0, 0.0)])
def test_lion_refuses_betas_in_the_wrong_order(betas):
    with pytest.raises(ValueError, match="betas: received .* allowed the second above 0") as error:
        steepest.Lion([torch.zeros(3, 3)], betas=betas)
    assert "\n" not in str(error.value)


def test_lion_has_betas_in_the_place_of_a_momentum():
    with pytest.raises(TypeError, match="unexpected option 'momentum': write betas"):
        steepest.Lion([torch.zeros(3, 3)], momentum=0.9)


@pytest.mark.parametrize("name", ["lion", "signum", "lion-momo"])
def test_a_saved_state_goes_on_bit_for_bit(name):
    assert goes_on(lambda params: steepest.make(name, params, lr=1e-3))


class Muon(Mean):
    """Momentum and its polar factor."""

    def direction(self, g, w, step):
        u = self(g)
        return u, polar(u)


def soda(weight_decay):
    """arXiv 2605.11172: x <- z0 / (k + 2) + (1 - 1 / (k + 2)) x + update, k from 0, per matrix."""
    first = {}

    def move(i, w, d, step):
        first.setdefault(i, w)
        return w - weight_decay / (step + 1) * (w - first[i]) - d

    return move


CASES = list(itertools.product((None, "inner_products", "recursive"), (1.0, 0.5)))


@pytest.mark.parametrize("model, weight_decay", CASES)
def test_soda_is_its_papers_loop_with_and_without_momo(model, weight_decay):
    options = {**MEAN, "decay": "soda", "weight_decay": weight_decay, "move": soda(weight_decay)}
    if model is None:
        worst, _ = compare("muon", lambda i: Muon(0.95), **options)
        assert worst < 1e-12
        return
    options |= {"momo": 0.1, "lr": 0.1, "momo_model": model}
    worst, q = compare("muon-momo", lambda i: Muon(0.95), **options)
    assert worst < 1e-11
    assert q < 0.9
