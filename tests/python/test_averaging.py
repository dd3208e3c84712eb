# SPDX-License-Identifier: Apache-2.0
"""Averages of weights beside plain loops, around every row and torch's own optimizers."""

from __future__ import annotations

import copy

import pytest
import torch
from classes import CLASSES, make
from networks import batch, loss_of, make_net, same, weights
from torch.optim.swa_utils import AveragedModel

import steepest

ROWS = sorted(CLASSES)


def backward(net, step):
    for p in net.parameters():
        p.grad = None
    loss = loss_of(net, step)
    loss.backward()
    return loss


def run(net, optimizer, steps, behind=lambda: None):
    """Steps of an optimizer or of EMANesterov, each followed by ``behind``."""
    for step in steps:
        if isinstance(optimizer, steepest.EMANesterov):
            optimizer.look_ahead()
        loss = backward(net, step)
        if hasattr(optimizer, "observe"):
            optimizer.observe(loss)
        optimizer.step()
        behind()


# -- the average of a tail -------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_a_tail_average_is_its_formula(dtype):
    net = make_net(dtype)
    average = steepest.TailAverage(net, decay=0.7, start=4)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    seen = []
    run(net, optimizer, range(10), lambda: (average.update(net), seen.append(weights(net))))
    expected = seen[3]
    for later in seen[4:]:
        expected = [0.7 * a + 0.3 * w for a, w in zip(expected, later, strict=True)]
    tolerance = 1e-14 if dtype == torch.float64 else 1e-6
    assert isinstance(average, AveragedModel)
    for p, value in zip(average.parameters(), expected, strict=True):
        assert float((p - value).abs().max()) < tolerance
        assert not p.requires_grad


def test_the_model_has_the_average_for_a_while():
    net = make_net()
    average = steepest.TailAverage(net, decay=0.9, start=2)
    with average.swapped(net):  # nothing is averaged yet
        assert same(weights(net), weights(make_net()))
    run(net, torch.optim.SGD(net.parameters(), lr=0.1), range(5), lambda: average.update(net))
    own, mean = weights(net), weights(average.module)
    x, _ = batch(7)
    with average.swapped(net) as held:
        assert held is net and same(weights(net), mean)
        assert torch.equal(net(x), average(x))
    assert same(weights(net), own)
    with pytest.raises(RuntimeError, match="inside"), average.swapped(net, blend=0.4):
        blend = [torch.lerp(w, a, 0.4) for w, a in zip(own, mean, strict=True)]
        assert same(weights(net), blend)
        raise RuntimeError("inside")
    assert same(weights(net), own)
    average.read_out(net, 0.4)
    assert same(weights(net), blend)


def test_the_average_of_half_precision_is_not():
    net = make_net(torch.bfloat16)
    average = steepest.TailAverage(net, decay=0.999, start=1)
    with torch.no_grad():
        average.update(net)
        for p in net.parameters():
            p.add_(1)
        for _ in range(100):  # each moves a mean by less than bfloat16 has
            average.update(net)
    for p, first in zip(average.parameters(), make_net(torch.bfloat16).parameters(), strict=True):
        assert p.dtype == torch.float32
        assert float((p - first - (1 - 0.999**100)).abs().max()) < 0.02
    with average.swapped(net):
        assert all(p.dtype == torch.bfloat16 for p in net.parameters())


def test_buffers_are_the_models_or_averaged():
    for averaged in (False, True):
        net = torch.nn.BatchNorm1d(3)
        average = steepest.TailAverage(net, decay=0.5, use_buffers=averaged)
        for value in (1.0, 2.0):
            net.running_mean.fill_(value)
            average.update(net)
        assert float(average.module.running_mean[0]) == (1.5 if averaged else 2.0)
        with average.swapped(net):
            assert float(net.running_mean[0]) == (1.5 if averaged else 2.0)
        assert float(net.running_mean[0]) == 2.0


@pytest.mark.parametrize("name", ROWS)
def test_a_tail_average_goes_on_bit_for_bit(name):
    nets = [make_net(), make_net()]
    averages = [steepest.TailAverage(net, decay=0.8, start=3) for net in nets]
    optimizers = [make(name, net.parameters(), lr=1e-2) for net in nets]
    run(nets[0], optimizers[0], range(8), lambda: averages[0].update(nets[0]))
    run(nets[1], optimizers[1], range(5), lambda: averages[1].update(nets[1]))
    again = make(name, nets[1].parameters(), lr=1e-2)
    again.load_state_dict(optimizers[1].state_dict())
    loaded = steepest.TailAverage(make_net(), decay=0.8, start=3)
    loaded.load_state_dict(copy.deepcopy(averages[1].state_dict()))
    run(nets[1], again, range(5, 8), lambda: loaded.update(nets[1]))
    assert same(weights(nets[0]), weights(nets[1]))
    assert same(weights(averages[0]), weights(loaded))
    assert int(loaded.steps) == 8 and int(loaded.n_averaged) == 6


REFUSED = [
    (lambda n: steepest.TailAverage(n, decay=1.5), "decay: received 1.5, allowed 0 to 1"),
    (lambda n: steepest.TailAverage(n, start=0), "start: received 0, allowed a whole number"),
    (lambda n: steepest.TailAverage(n).read_out(n, 2), "blend: received 2, allowed 0 to 1"),
    (lambda n: steepest.EMANesterov(steepest.Muon(n), look=-1), "look: received -1, allowed"),
    (lambda n: steepest.EMANesterov(steepest.Muon(n), decay=2), "decay: received 2, allowed"),
]


@pytest.mark.parametrize("action, words", REFUSED)
def test_numbers_out_of_range_are_refused_in_one_line(action, words):
    with pytest.raises(ValueError, match=words) as error:
        action(make_net())
    assert "\n" not in str(error.value)


# -- EMA-Nesterov ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "adamw", "muon", "soap", "muonh", "lion"])
def test_ema_nesterov_is_its_papers_loop(name):
    """theta' = A(theta + beta m), m <- gamma m + (1 - gamma) (theta' - theta); 20 steps."""
    nets = [make_net(torch.float64), make_net(torch.float64)]
    ours = steepest.EMANesterov(
        make(name, nets[0].parameters(), lr=0.01), 0.6, 0.9, start=3, stop=15
    )
    plain = make(name, nets[1].parameters(), lr=0.01)
    params = list(nets[1].parameters())
    means = [torch.zeros_like(p) for p in params]
    for step in range(20):
        for group in ours.param_groups + plain.param_groups:
            group["lr"] = 0.01 * (1 - step / 25)
        run(nets[0], ours, [step])
        before = weights(nets[1])
        with torch.no_grad():
            for p, m in zip(params, means, strict=True):
                p += (0.6 * (1 - step / 25) if 3 <= step < 15 else 0) * m
        run(nets[1], plain, [step])
        for k, (p, w) in enumerate(zip(params, before, strict=True)):
            means[k] = 0.9 * means[k] + 0.1 * (p.detach() - w)
        worst = max(float((a - b).abs().max()) for a, b in zip(weights(nets[0]), weights(nets[1])))
        assert worst < 1e-10  # SOAP's bases magnify a rounding


@pytest.mark.parametrize("name", [n for n in ROWS if n != "steepest-descent"])
def test_ema_nesterov_goes_on_bit_for_bit(name):
    def wrapped(net):
        return steepest.EMANesterov(make(name, net.parameters(), lr=1e-2), 0.5, 0.8, start=2)

    nets = [make_net(), make_net()]
    whole, first = wrapped(nets[0]), wrapped(nets[1])
    run(nets[0], whole, range(8))
    run(nets[1], first, range(5))
    again = wrapped(nets[1])
    again.load_state_dict(copy.deepcopy(first.state_dict()))
    run(nets[1], again, range(5, 8))
    assert same(weights(nets[0]), weights(nets[1]))


def test_several_optimizers_are_one_trajectory():
    nets = [make_net(torch.float64), make_net(torch.float64)]
    groups = [list(net.parameters()) for net in nets]
    two = steepest.EMANesterov(
        [torch.optim.SGD(groups[0][:2], lr=0.1), torch.optim.SGD(groups[0][2:], lr=0.1)]
    )
    one = steepest.EMANesterov(torch.optim.SGD(groups[1], lr=0.1))
    for net, optimizer in zip(nets, (two, one), strict=True):
        run(net, optimizer, range(6))
    assert same(weights(nets[0]), weights(nets[1]))
    with pytest.raises(ValueError, match="2 optimizers, allowed 6 of the same shapes and 1"):
        one.load_state_dict(two.state_dict())


def test_a_closure_is_evaluated_ahead():
    nets = [make_net(torch.float64), make_net(torch.float64)]
    closures = steepest.EMANesterov(torch.optim.SGD(nets[0].parameters(), lr=0.1), decay=0.5)
    calls = steepest.EMANesterov(torch.optim.SGD(nets[1].parameters(), lr=0.1), decay=0.5)
    for step in range(4):
        loss = closures.step(lambda step=step: backward(nets[0], step))
        calls.look_ahead()
        calls.look_ahead()  # a skipped step looks ahead once
        assert float(loss) == float(backward(nets[1], step))
        calls.step()
    assert same(weights(nets[0]), weights(nets[1]))


def test_weights_ahead_are_neither_stepped_to_twice_nor_saved():
    net = make_net()
    optimizer = steepest.EMANesterov(steepest.Muon(net, lr=0.1))
    backward(net, 0)
    with pytest.raises(RuntimeError, match="step: received gradients of weights that have not"):
        optimizer.step()
    optimizer.look_ahead()
    with pytest.raises(RuntimeError, match="state_dict: received weights that have looked ahead"):
        optimizer.state_dict()
    optimizer.step()
    assert optimizer.state_dict()["steps"] == 1
