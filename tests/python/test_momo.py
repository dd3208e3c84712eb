# SPDX-License-Identifier: Apache-2.0
"""Momo's loss: every way in, micro-batches, skipped steps, processes."""

import copy

import pytest
import torch
from classes import CLASSES
from networks import furthest, loss_of, make_net, same, train, weights

import steepest


def make(net, **options):
    return steepest.MuonMax(net.named_parameters(), lr=0.05, step_size="momo", **options)


def run(how: str, steps: int = 5) -> list[torch.Tensor]:
    net = make_net()
    optimizer = make(net)
    for step in range(steps):
        optimizer.zero_grad()
        if how == "closure":

            def closure(step=step, net=net, optimizer=optimizer):
                optimizer.zero_grad()
                loss = loss_of(net, step)
                loss.backward()
                return loss

            assert torch.is_tensor(optimizer.step(closure))
            continue
        loss = loss_of(net, step)
        if how == "observe":
            assert optimizer.observe(loss) is loss
        loss.backward()
        optimizer.step(loss=loss.detach() if how == "tensor" else loss.item()) if how in (
            "tensor",
            "number",
        ) else optimizer.step()
    return weights(net)


def test_every_way_to_give_the_loss_is_the_same_step():
    runs = {how: run(how) for how in ("observe", "closure", "tensor", "number")}
    assert all(same(found, runs["observe"]) for found in runs.values())


def test_none_or_two_losses_are_refused_before_anything_changes():
    net = make_net()
    optimizer = make(net)
    loss = loss_of(net, 0)
    loss.backward()
    before = weights(net)
    called = []
    with pytest.raises(ValueError, match="loss: received none, allowed one by observe"):
        optimizer.step()
    optimizer.observe(loss)
    with pytest.raises(ValueError, match="observe.. and step.loss=., allowed one"):
        optimizer.step(loss=loss)
    with pytest.raises(ValueError, match="step.loss=. and a closure, allowed one"):
        optimizer.zero_grad()
        optimizer.step(lambda: called.append(1), loss=loss)
    assert not called
    loss = loss_of(net, 0)
    optimizer.observe(loss)
    loss.backward()
    with pytest.raises(ValueError, match="observe.. and a closure, allowed one"):
        optimizer.step(lambda: loss)
    assert same(weights(net), before) and not optimizer.state
    optimizer.step()
    assert not same(weights(net), before)
    with pytest.raises(ValueError, match="received none"):  # consumed
        optimizer.step()


COUPLED = {"step_size": "momo", "decoupled_weight_decay": False}


def params_with_gradients():
    params = [torch.ones(3, 2, requires_grad=True), torch.ones(3, requires_grad=True)]
    for p in params:
        p.grad = torch.ones_like(p)
    return params


@pytest.mark.parametrize("name", ["steepest-descent", "scion", "adam", "sgd", "muonmax"])
def test_a_coupled_decay_is_refused_by_the_engine(name):
    """Its gradients are those of f + wd |w|^2 / 2, and the loss that Momo is given is f."""
    message = "step_size momo: received coupled weight decay, allowed decoupled"
    make = CLASSES[name]
    with pytest.raises(ValueError, match=message):
        make(params_with_gradients(), lr=0.05, weight_decay=0.1, **COUPLED)
    plain = make(params_with_gradients(), lr=0.05, weight_decay=0.0, **COUPLED)
    with pytest.raises(ValueError, match=message):
        plain.add_param_group({"params": [torch.ones(2, 2)], "weight_decay": 0.1})
    assert len(plain.param_groups) == 1
    plain.step(loss=1.0)
    before = [p.detach().clone() for p in plain._params()]
    state = copy.deepcopy(plain.state_dict())
    state["param_groups"][0]["weight_decay"] = 0.1
    with pytest.raises(ValueError, match=message):
        plain.load_state_dict(state)
    plain.param_groups[0]["weight_decay"] = 0.1  # a schedule's
    with pytest.raises(ValueError, match=message):
        plain.step(loss=1.0)
    assert same(before, list(plain._params()))
    plain.param_groups[0]["weight_decay"] = 0.0
    plain.step(loss=1.0)
    assert not same(before, list(plain._params()))


def test_numbers_are_taken_in_full():
    optimizer = make(make_net())
    for p in optimizer._params():
        p.grad = torch.zeros_like(p)
    optimizer.observe(1 / 3)
    optimizer.step()
    assert optimizer.param_groups[0]["momo"][0].item() == 1 / 3


def test_a_refused_step_keeps_its_observations():
    net = make_net()
    optimizer = make(net)
    loss = loss_of(net, 0)
    optimizer.observe(loss)
    loss.backward()
    optimizer.param_groups[0]["lr"] = -1.0
    before = weights(net)
    with pytest.raises(ValueError, match="lr: received -"):
        optimizer.step()
    optimizer.param_groups[0]["lr"] = 0.05
    assert same(weights(net), before)
    optimizer.step()
    assert not same(weights(net), before)


def test_momo_goes_on_from_a_fixed_runs_state():
    """What the other step size did not keep is made, also for a parameter without a gradient."""
    net = make_net()
    fixed = steepest.MuonMax(net.named_parameters(), lr=0.01)
    train(net, fixed, range(3))
    saved = fixed.state_dict()
    for group in saved["param_groups"]:
        group |= {"step_size": "momo", "momo": None, "momo_step": None}
    momo = make(net)
    momo.load_state_dict(saved)
    loss = loss_of(net, 3)
    loss.backward()
    next(net.parameters()).grad = None
    momo.step(loss=loss)
    assert all("intercept" in state for state in momo.state.values())


def test_bad_observations_are_refused():
    optimizer = make(make_net())
    for loss, weight, words in (
        (torch.zeros(2), 1, r"loss: received shape \(2,\), allowed one number"),
        (1.0, 0, "weight: received 0"),
        (1.0, float("nan"), "weight: received nan"),
    ):
        with pytest.raises(ValueError, match=words):
            optimizer.observe(loss, weight)


def test_micro_batches_are_a_weighted_mean():
    net, reference = make_net(), make_net()
    whole, parts = make(reference), make(net)
    for step in range(3):
        losses = [2.0 + step, 4.0]
        for each in (net, reference):
            for p in each.parameters():
                p.grad = torch.full_like(p, 0.1 * (step + 1))
        whole.observe((losses[0] + 3 * losses[1]) / 4)
        whole.step()
        parts.observe(losses[0], weight=1)
        parts.observe(losses[1], weight=3)
        parts.step()
    assert furthest(weights(net), weights(reference)) < 1e-6


def test_a_closure_that_observes_is_the_last_micro_batch():
    """As Lightning accumulates: the closure's value is divided, its observation is whole."""
    nets = make_net(), make_net()
    for net, closing in zip(nets, (False, True), strict=True):
        optimizer = make(net)
        for step in range(3):

            def micro(index, step=step, net=net, optimizer=optimizer):
                loss = loss_of(net, 4 * step + index)
                optimizer.observe(loss)
                if index == 0:
                    optimizer.zero_grad()
                (loss / 4).backward()
                return loss / 4

            for index in range(3):
                micro(index)
            if closing:
                optimizer.step(lambda micro=micro: micro(3))
            else:
                micro(3)
                optimizer.step()
    assert same(weights(nets[0]), weights(nets[1]))


def test_a_cycled_momentum_outlives_a_checkpoint():
    net = make_net()
    fresh = lambda: steepest.Muon(net.named_parameters(), step_size="momo")
    optimizer = fresh()
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=10)
    for step in range(4):
        train(net, optimizer, range(step, step + 1))
        schedule.step()
    resumed = fresh()
    resumed.load_state_dict(optimizer.state_dict())
    assert resumed.param_groups[0]["momentum"] != 0.95
    train(net, resumed, range(4, 6))


@pytest.mark.parametrize("order", ["zero first", "zero before backward"])
def test_a_step_that_is_skipped_drops_its_observations(order):
    """As GradScaler skips: backward, no step, zero_grad. Both common orders of a loop."""
    nets = make_net(), make_net()
    for net, skips in zip(nets, ((), (1, 3)), strict=True):
        optimizer = make(net)
        good = [0, 2, 4]
        for step in [0, 1, 2, 3, 4] if skips else good:
            if order == "zero first":
                optimizer.zero_grad()
            loss = loss_of(net, step)
            optimizer.observe(loss * 100 if step in skips else loss)
            if order != "zero first":
                optimizer.zero_grad()
            loss.backward()
            if step not in skips:
                optimizer.step()
    assert same(weights(nets[0]), weights(nets[1]))


def test_grad_scaler_skips_an_infinite_step_and_trains_on():
    net, reference = make_net(), make_net()
    for each, bad in ((net, True), (reference, False)):
        optimizer = make(each)
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**4, growth_interval=100)
        for step in range(4):
            if bad and step == 1:
                optimizer.zero_grad()
                loss = loss_of(each, 77)
                optimizer.observe(loss)
                scaler.scale(loss * float("inf")).backward()
                scaler.step(optimizer)
                scaler.update()
            optimizer.zero_grad()
            loss = loss_of(each, step)
            optimizer.observe(loss)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
    assert furthest(weights(net), weights(reference)) < 1e-6


def test_the_empty_step_of_distributed_checkpoints_changes_nothing():
    net, reference = make_net(), make_net()
    optimizer = make(net)
    lr = optimizer.param_groups[0]["lr"]
    for p in net.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.param_groups[0]["lr"] = 0.0
    optimizer.step(closure=None)
    optimizer.param_groups[0]["lr"] = lr
    optimizer.zero_grad()
    assert all("step" in optimizer.state[p] for p in net.parameters())
    train(net, optimizer, range(4))
    train(reference, make(reference), range(4))
    assert same(weights(net), weights(reference))


def test_unequal_choices_of_the_network_are_refused_at_the_next_step():
    net = make_net()
    optimizer = steepest.MuonMax([{"params": [p]} for p in net.parameters()], step_size="momo")
    train(net, optimizer, range(2))
    optimizer.param_groups[1]["f_star"] = 0.5
    before = weights(net)
    optimizer.observe(1.0)
    with pytest.raises(ValueError, match=r"param_groups\[1\]: f_star: received 0.5, allowed 0.0"):
        optimizer.step()
    assert same(weights(net), before)


def test_f_star_can_be_tracked():
    net = make_net()
    optimizer = steepest.PolarGrad(net.parameters(), lr=10.0, step_size="momo", f_star="auto")
    losses = train(net, optimizer, range(30))
    assert losses[-1] < losses[0]
    assert 0 <= float(optimizer.param_groups[0]["momo"][2]) < losses[0]
