# SPDX-License-Identifier: Apache-2.0
"""MuonH, AdamH and Muown beside loops written from their texts, 20 steps in float64."""

from __future__ import annotations

import pytest
import torch
from networks import goes_on, make_net, train
from plain_family import MEAN, Mean, compare, polar

import steepest


class MuonH(Mean):
    """A polar factor as long as the matrix."""

    def direction(self, g, w, step):
        u = self(g)
        s = polar(u)
        return u, s * w.norm() / s.norm()


class NesterovFromZero:
    """MuonH as its authors run it: u = lerp(g, m, b), m from zero."""

    def __init__(self, b):
        self.b, self.m = b, 0.0

    def direction(self, g, w, step):
        self.m = self.b * self.m + (1 - self.b) * g
        u = (1 - self.b) * g + self.b * self.m
        s = polar(u)
        return u, s * w.norm() / s.norm()


class AdamH:
    """Adam's direction, betas (.9, .95), as long as the matrix."""

    def __init__(self):
        self.m = self.v = 0.0

    def direction(self, g, w, step):
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.95 * self.v + 0.05 * g * g
        u = self.m / (1 - 0.9**step)
        s = u / ((self.v / (1 - 0.95**step)).sqrt() + 1e-8)
        return u, s * w.norm() / s.norm()


def on_the_sphere():
    """The matrix after a step, scaled to the Frobenius norm that it began with."""
    radius = {}

    def move(i, w, d, step):
        radius.setdefault(i, w.norm())
        return (w - d) * radius[i] / (w - d).norm()

    return move


class Corrected:
    """Adam's mean of numbers, with its correction."""

    def __init__(self):
        self.m, self.t = 0.0, 0

    def __call__(self, x):
        self.m, self.t = 0.9 * self.m + 0.1 * x, self.t + 1
        return self.m / (1 - 0.9**self.t)


def test_muonh_is_its_authors_loop():
    loop = {"nesterov": True, "start": "zero", "weight_decay": 0, "move": on_the_sphere()}
    worst, _ = compare("muonh", lambda i: NesterovFromZero(0.95), **loop)
    assert worst < 1e-12


def test_adamh_is_its_authors_loop():
    worst, _ = compare("adamh", lambda i: AdamH(), weight_decay=0, move=on_the_sphere())
    assert worst < 1e-12


def test_muonh_takes_the_step_that_momo_allows():
    loop = {**MEAN, "weight_decay": 0, "move": on_the_sphere()}
    worst, q = compare("muonh-momo", lambda i: MuonH(0.95), momo=0.1, lr=0.3, **loop)
    assert worst < 1e-11
    assert q < 0.9


def test_adamh_takes_the_step_that_momo_allows():
    loop = {"weight_decay": 0, "move": on_the_sphere(), "mean": Corrected}
    worst, q = compare("adamh-momo", lambda i: AdamH(), momo=0.1, lr=0.3, **loop)
    assert worst < 1e-11
    assert q < 0.9


class Muown:
    """arXiv 2605.10797: W_i = g_i v_i / |v_i|, Muon on v and Adam on g; keeps v itself."""

    def __init__(self, lr, weight_decay, b=0.95, b1=0.9, b2=0.95, of_length=1.0):
        self.lr, self.weight_decay, self.b, self.b1, self.b2 = lr, weight_decay, b, b1, b2
        self.of_length, self.m, self.first, self.second = of_length, 0.0, 0.0, 0.0
        self.v = self.g = None

    def direction(self, g, w, step):
        if self.v is None:
            self.v, self.g = w, w.norm(dim=1, keepdim=True)
        v = self.v.detach().clone().requires_grad_()
        length = self.g.detach().clone().requires_grad_()
        (length * v / v.norm(dim=1, keepdim=True) * g).sum().backward()  # autograd's gradients
        self.first = self.b1 * self.first + (1 - self.b1) * length.grad
        self.second = self.b2 * self.second + (1 - self.b2) * length.grad**2
        root = (self.second / (1 - self.b2**step)).sqrt() + 1e-8
        self.change = self.first / (1 - self.b1**step) / root
        self.m = self.b * self.m + (1 - self.b) * v.grad
        return self.m, polar(self.m)

    def moved(self, d):
        self.v = self.v - d
        self.g = (self.g - self.lr * self.of_length * self.change) * (1 - self.decay)
        return self.g * self.v / self.v.norm(dim=1, keepdim=True)

    @property
    def decay(self):
        return self.lr * self.weight_decay


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("geometry", ["muown", "muown(lr=0.5,beta1=0.8,beta2=0.9)"])
def test_muown_is_its_papers_loop(weight_decay, geometry):
    lr = 0.02
    other = {} if geometry == "muown" else {"b1": 0.8, "b2": 0.9, "of_length": 0.5}
    loops = [Muown(lr, weight_decay, **other) for _ in range(3)]
    worst, _ = compare(
        "muown",
        lambda i: loops[i],
        lr=lr,
        weight_decay=weight_decay,
        scale=lambda r, c: 0.2 * max(r, c) ** 0.5,
        move=lambda i, w, d, step: loops[i].moved(d),
        geometry=geometry,
    )
    assert worst < 1e-12


def test_a_row_of_zeros_begins_with_the_length_of_its_first_step():
    """It moves as Muon's does, then is a length and a direction as the others are."""
    generator = torch.Generator().manual_seed(3)
    w = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    w[1] = 0
    p = torch.nn.Parameter(w.clone())
    optimizer = steepest.Muown([p], lr=0.1, polar="svd", radius="none")
    p.grad = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    length = w.norm(dim=1, keepdim=True)
    unit = torch.nan_to_num(w / length)
    expected = polar(p.grad - unit * (p.grad * unit).sum(1, keepdim=True))
    optimizer.step()
    assert float((p.detach()[1] + 0.1 * expected[1]).abs().max()) < 1e-12
    for _ in range(3):
        before = p.detach().clone()
        p.grad = torch.randn(4, 6, generator=generator, dtype=torch.float64)
        optimizer.step()
        kept = optimizer.state[p]["row_length"]
        assert float((p.detach().norm(dim=1) - kept.abs()).abs().max()) < 1e-12
        assert float((p.detach() - before).norm(dim=1).min()) > 0.01


def test_matrices_stay_on_their_sphere_and_the_rest_does_not():
    net = make_net()
    radii = [p.norm() for p in net.parameters()]
    train(net, steepest.MuonH(net.parameters(), lr=0.1), range(6))
    for p, radius in zip(net.parameters(), radii, strict=True):
        kept = abs(float(p.detach().norm() / radius.detach()) - 1) < 1e-5
        assert kept == (p.dim() == 2)


REFUSED = [
    ("muown", {"step_size": "momo"}, "step_size momo: received geometry muown, allowed none and"),
    ("muon", {"step_size": "momo", "geometry": "radial_brake"}, "received geometry radial_brake"),
    ("muonh", {"step_size": "momo", "momo_model": "recursive"}, "momo_model: received recursive"),
    ("muown", {"decay": "cautious"}, "decay: received cautious with geometry muown, allowed plain"),
    ("muown", {"decoupled_weight_decay": False}, "decoupled_weight_decay: received false with"),
    ("muon", {"geometry": "muown(beta=0.9)"}, "beta"),
]


@pytest.mark.parametrize("name, options, words", REFUSED)
def test_what_does_not_go_with_a_geometry_is_refused_in_one_line(name, options, words):
    with pytest.raises(ValueError, match=words) as error:
        steepest.make(name, [torch.zeros(3, 3)], lr=0.1, **options)
    assert "\n" not in str(error.value)


def test_muown_has_no_momo_form_by_name():
    with pytest.raises(ValueError, match="received geometry muown"):
        steepest.make("muown-momo", [torch.zeros(3, 3)])


@pytest.mark.parametrize("name", ["muonh", "adamh", "muown", "muonh-momo", "adamh-momo"])
def test_a_saved_state_goes_on_bit_for_bit(name):
    assert goes_on(lambda params: steepest.make(name, params, lr=1e-2))
