# SPDX-License-Identifier: Apache-2.0
"""Losses that end Momo's training are named once; what is no number is no loss."""

import math

import pytest
import torch
from classes import MOMO, make, said

from steepest._loss import LossCheck

WAYS = {
    "observe": lambda optimizer, loss: (optimizer.observe(loss), optimizer.step()),
    "argument": lambda optimizer, loss: optimizer.step(loss=loss),
    "tensor": lambda optimizer, loss: optimizer.step(loss=torch.tensor(loss)),
    "closure": lambda optimizer, loss: optimizer.step(lambda: torch.tensor(loss)),
}


@pytest.mark.parametrize("name", MOMO)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("loss", [-4.2, math.nan, math.inf])
@pytest.mark.parametrize("nonfinite", ["propagate", "skip"])
def test_a_loss_that_ends_training_is_named_once(name, way, loss, nonfinite):
    optimizer = make(name, [torch.ones(4, 4)], step_size="momo", nonfinite=nonfinite)
    p = next(optimizer._params())
    p.grad = torch.full_like(p, 0.1)
    messages = said(lambda: [WAYS[way](optimizer, loss) for _ in range(4)])
    assert len(messages) == 1 and f"loss: received {loss:g}" in messages[0]
    if math.isfinite(loss):
        assert "below f_star=0" in messages[0] and "such as f_star=-10" in messages[0]
    elif nonfinite == "skip":
        assert "refused" in messages[0] and torch.equal(p, torch.ones(4, 4))
    else:
        assert 'nonfinite="skip"' in messages[0]


def test_a_bound_below_the_loss_says_nothing_and_trains():
    for f_star in (-10.0, "auto"):
        optimizer = make("polargrad", [torch.ones(4, 4)], step_size="momo", f_star=f_star)
        p = next(optimizer._params())
        p.grad = torch.full_like(p, 0.1)
        assert said(lambda: [optimizer.step(loss=-5.0 - i) for i in range(3)]) == []  # noqa: B023
    optimizer = make("muonmax", [torch.ones(4, 4)], step_size="momo")
    next(optimizer._params()).grad = torch.full((4, 4), 0.1)
    assert said(lambda: optimizer.step(loss=0.0)) == []  # the end of training, not a wrong bound


@pytest.mark.parametrize("loss", ["1.0", True, 1j, torch.tensor(1j), torch.tensor(True), [1.0]])
def test_what_is_no_number_is_no_loss(loss):
    optimizer = make("muonmax", [torch.ones(4, 4)], step_size="momo")
    next(optimizer._params()).grad = torch.ones(4, 4)
    for give in (optimizer.observe, lambda value: optimizer.step(loss=value)):
        with pytest.raises(TypeError, match="loss: received .*allowed a"):
            give(loss)
    assert not optimizer.state


def test_a_loss_on_a_gpu_is_looked_at_when_it_has_come_and_nobody_waits(monkeypatch):
    class Event:
        arrived = False

        def query(self):
            return self.arrived

    events = []

    def send(loss):
        events.append(Event())
        return loss.clone(), events[-1]

    monkeypatch.setattr(LossCheck, "_send", staticmethod(send))
    check, group = LossCheck(), {"recipe": "muonmax-momo", "f_star": 0.0, "nonfinite": "skip"}
    look = lambda loss: said(lambda: check._check_later(torch.tensor(loss), group))
    assert look(-3.0) == [] and look(-4.0) == [] and len(events) == 1
    events[0].arrived = True
    assert "loss: received -3, below f_star=0" in look(5.0)[0] and len(events) == 2
    events[1].arrived = True
    assert look(math.nan) == []
    events[2].arrived = True
    assert "received nan" in look(1.0)[0]
