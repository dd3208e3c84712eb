# SPDX-License-Identifier: Apache-2.0
"""Learning rates and schedulers; copies and state_dicts."""

import copy
import pickle

import pytest
import torch
from networks import furthest, make_net, same, step_with, train, weights
from torch.optim import lr_scheduler

import steepest

# -- rates ---


def test_effective_rates_are_lr_times_ratio_for_the_decay_too():
    p, q = torch.ones(3, 3), torch.ones(3)
    optimizer = steepest.SteepestDescent(
        [p, q], lr=0.5, backup_lr=0.25, weight_decay=0.1, norm="inf", backup="inf", momentum=0.0
    )
    step_with(optimizer, [torch.ones(3, 3), torch.ones(3)])
    assert torch.allclose(p, torch.full((3, 3), (1 - 0.05) - 0.5))
    assert torch.allclose(q, torch.full((3,), (1 - 0.025) - 0.25))


@pytest.mark.parametrize("kind", ["muon", "muonmax-momo", "adamw"])
def test_a_warm_up_from_zero_works(kind):
    net = make_net()
    optimizer = steepest.make(kind, net.named_parameters(), lr=0.02)
    warm = lr_scheduler.LambdaLR(optimizer, lambda t: t / 5)
    before = weights(net)
    train(net, optimizer, range(1))
    assert same(weights(net), before)
    for step in range(1, 8):
        warm.step()
        train(net, optimizer, range(step, step + 1))
    assert all(torch.isfinite(w).all() for w in weights(net)) and not same(weights(net), before)


SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 4]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 4),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.02, total_steps=8),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.02, step_size_up=2),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("tensor", [False, True])
def test_every_scheduler_of_torch_drives_it_as_it_drives_torchs(name, tensor):
    nets = make_net(), make_net()
    lr = lambda: torch.tensor(0.01) if tensor else 0.01
    theirs = torch.optim.SGD(nets[0].parameters(), lr=lr(), momentum=0.9)
    ours = steepest.SGD(nets[1].parameters(), lr=lr(), momentum=0.9)
    for net, optimizer in zip(nets, (theirs, ours), strict=True):
        scheduler = SCHEDULERS[name](optimizer)
        for step in range(6):
            loss = train(net, optimizer, range(step, step + 1))[0]
            scheduler.step(*([loss] if name == "ReduceLROnPlateau" else []))
    assert furthest(weights(nets[1]), weights(nets[0])) < 1e-6


def test_a_groups_own_decay_is_of_all_its_parameters():
    named = [("w", torch.ones(4, 4)), ("norm.weight", torch.ones(4)), ("bias", torch.ones(4))]
    groups = [
        {"params": named[:2], "weight_decay": 0.2},
        {"params": named[2:], "weight_decay": 0.0},
    ]
    for optimizer in (steepest.Muon(groups, lr=0.1), steepest.AdamW(groups, lr=0.1)):
        canonical = [optimizer._canonical(g) for g in optimizer.param_groups]
        assert optimizer._plan().rates(canonical)[1] == [0.2, 0.2, 0.0]


def test_the_scheduler_reaches_both_sides():
    optimizer = steepest.Muon([torch.ones(4, 4), torch.ones(4)], lr=0.02, backup_lr=0.002)
    lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.param_groups[0]["lr"] *= 0.5
    lrs, _, _ = optimizer._plan().rates([optimizer._canonical(g) for g in optimizer.param_groups])
    assert lrs == [0.01, pytest.approx(0.001)]


# -- copies ---


@pytest.mark.parametrize("name", ["muonmax-momo", "adamw", "muon"])
@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_are_independent_and_go_on_alike(name, how):
    net = make_net()
    optimizer = steepest.make(name, net.parameters())
    train(net, optimizer, range(3))
    pair = {"net": net, "optimizer": optimizer}
    twin = copy.deepcopy(pair) if how == "deepcopy" else pickle.loads(pickle.dumps(pair))
    train(net, optimizer, range(3, 6))
    train(twin["net"], twin["optimizer"], range(3, 6))
    assert same(weights(net), weights(twin["net"]))


@pytest.mark.parametrize("name", ["muonmax-momo", "muon", "neon", "f-star-momo"])
def test_a_state_dict_goes_through_torch_save(tmp_path, name):
    whole, net = make_net(), make_net()
    train(whole, steepest.make(name, whole.parameters()), range(6))
    first = steepest.make(name, net.parameters())
    train(net, first, range(3))
    torch.save(first.state_dict(), tmp_path / "opt.pt")
    second = steepest.make(name, net.parameters())
    second.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    train(net, second, range(3, 6))
    assert same(weights(net), weights(whole))


def test_loaded_state_keeps_its_dtype_and_a_wrong_shape_changes_nothing():
    net = make_net(torch.bfloat16)
    make = lambda: steepest.MuonMax(net.parameters(), step_size="momo")
    first, second = make(), make()
    train(net, first, range(2))
    second.load_state_dict(first.state_dict())
    for a, b in zip(first.state.values(), second.state.values(), strict=True):
        assert {k: v.dtype for k, v in a.items()} == {k: v.dtype for k, v in b.items()}
    bad = copy.deepcopy(first.state_dict())
    bad["state"][0]["momentum_buffer"] = torch.zeros(2, 2)
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(ValueError, match=r"state\[0\].momentum_buffer: received shape \(2, 2\)"):
        second.load_state_dict(bad)
    after = second.state_dict()
    assert all(
        torch.equal(before["state"][i][k], after["state"][i][k])
        for i in before["state"]
        for k in before["state"][i]
    )
