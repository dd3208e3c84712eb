# SPDX-License-Identifier: Apache-2.0
"""What people have reported of other optimizers, tried in every class of this package.

Each test names the public report that it comes from.
"""

import collections
import copy
import os
import time

import pytest
import torch
from classes import CLASSES, IDS, KINDS, make
from networks import loss_of, make_net, train
from torch import distributed, nn

from steepest import _groups

every = pytest.mark.parametrize(("name", "options"), KINDS, ids=IDS)


def weights(net):
    return [p.detach().clone() for p in net.parameters()]


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def backward(net, optimizer, step):
    optimizer.zero_grad()
    loss = loss_of(net, step)
    optimizer.observe(loss)
    loss.backward()


@every
def test_a_state_that_was_thrown_away_begins_anew(name, options):
    """pytorch/pytorch#37410: people reset an optimizer by a new, empty state."""
    net = make_net()
    start, optimizer = copy.deepcopy(net.state_dict()), make(name, net, **options)
    train(net, optimizer, range(3))
    first = weights(net)
    net.load_state_dict(start)
    optimizer.state = collections.defaultdict(dict)
    train(net, optimizer, range(3))
    assert same(first, weights(net))


@every
def test_a_group_that_was_taken_away_is_not_saved(name, options):
    """pytorch/pytorch#42428: KeyError in state_dict."""
    net = make_net()
    optimizer = make(name, [{"params": [p]} for p in net.parameters()], **options)
    train(net, optimizer, range(2))
    optimizer.param_groups.pop()
    saved = optimizer.state_dict()
    assert len(saved["param_groups"]) == len(saved["state"]) == len(list(net.parameters())) - 1
    optimizer.load_state_dict(copy.deepcopy(saved))
    train(net, optimizer, range(2, 4))


@every
def test_a_step_count_may_be_written_as_a_number(name, options):
    """pytorch/pytorch#24960, Guitaricet/relora#10: programs that reset moments write step = 0."""
    nets, optimizers = [make_net(), make_net()], []
    for net in nets:
        optimizers.append(make(name, net, **options))
        train(net, optimizers[-1], range(2))
    for entry in optimizers[1].state.values():
        entry["step"] = int(entry["step"])
    for net, optimizer in zip(nets, optimizers):
        train(net, optimizer, range(2, 4))
    assert same(weights(nets[0]), weights(nets[1]))


def with_decay(options):
    """Under Momo a decay is decoupled also in the rows whose own decay is not (adam, sgd)."""
    return {**options, "decoupled_weight_decay": True} if "step_size" in options else options


@every
def test_states_made_for_a_checkpoint_do_not_change_the_first_step(name, options):
    """pytorch/torchtitan#4382: the step of zero gradients at lr 0 counts as the first one."""
    from torch.distributed.checkpoint.state_dict import get_optimizer_state_dict

    nets = [make_net(), make_net()]
    for net, asked in zip(nets, (False, True)):
        params = list(net.named_parameters())
        optimizer = make(name, params, weight_decay=0.1, **with_decay(options))
        if asked:
            get_optimizer_state_dict(net, optimizer)
            assert all(float(entry["step"]) == 0 for entry in optimizer.state.values())
        train(net, optimizer, range(3))
    assert same(weights(nets[0]), weights(nets[1]))


@every
def test_schedulers_that_cycle_momentum(name, options):
    """warner-benjamin/optimi#14, pytorch/pytorch#73910: refused, or a KeyError."""
    for cycle in (
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=6),
        lambda o: torch.optim.lr_scheduler.CyclicLR(o, base_lr=0.01, max_lr=0.1),
    ):
        net = make_net()
        optimizer = make(name, net, **options)
        scheduler = cycle(optimizer)
        key = "betas" if "betas" in optimizer.defaults else "momentum"
        seen = set()
        for step in range(5):
            backward(net, optimizer, step)
            optimizer.step()
            scheduler.step()
            seen.add(str(optimizer.param_groups[0][key]))
        assert len(seen) > 1 and all(torch.isfinite(p).all() for p in net.parameters())


@every
def test_without_a_gradient_there_is_no_decay(name, options):
    """KellerJordan/Muon#54, zichongli5/NorMuon#3: layers that took no part are decayed."""
    net = make_net()
    optimizer = make(name, net, weight_decay=0.1, **with_decay(options))
    train(net, optimizer, range(2))
    left = net[2].weight.detach().clone()
    backward(net, optimizer, 2)
    net[2].weight.grad = None
    optimizer.step()
    assert torch.equal(left, net[2].weight)


@every
def test_decay_without_momentum(name, options):
    """ml-explore/mlx#440: momentum 0 turns the weight decay off."""
    if name in ("dion", "dion2"):
        pytest.skip("error feedback needs a momentum")
    zero = {"momentum": 0.0}
    if "betas" in CLASSES[name]._own:
        zero = {"betas": (0.0, 0.9)}
    found = []
    for decay in (0.0, 0.5):
        net = make_net()
        chosen = {**zero, **with_decay(options), "weight_decay": decay}
        optimizer = make(name, list(net.named_parameters()), **chosen)
        train(net, optimizer, range(1))
        found.append(weights(net))
    assert not torch.equal(found[0][0], found[1][0])  # a matrix of a hidden layer


@every
def test_a_group_without_decay_does_not_stop_the_others(name, options):
    """keras-team/keras#21857: after the first group of rate 0 no other is decayed."""
    found = []
    for decay in (0.0, 0.5):
        net = make_net()
        first, *rest = net.parameters()
        groups = [{"params": [first], "weight_decay": 0.0}, {"params": rest, "weight_decay": decay}]
        train(net, make(name, groups, **with_decay(options)), range(1))
        found.append(weights(net))
    equal = [torch.equal(a, b) for a, b in zip(*found)]
    momo = "step_size" in options  # whose step size sees all of them
    assert (momo or equal[0]) and not equal[2]


@every
def test_state_that_was_moved_away_and_back(name, options):
    """NVIDIA-NeMo/RL#1869: states are kept elsewhere between two steps."""
    nets = [make_net(), make_net()]
    for net, moved in zip(nets, (False, True)):
        optimizer = make(name, net, **options)
        for step in range(3):
            train(net, optimizer, range(step, step + 1))
            for entry in optimizer.state.values() if moved else ():
                for key, value in entry.items():
                    entry[key] = value.to("cpu", copy=True)
    assert same(weights(nets[0]), weights(nets[1]))


@every
def test_a_scaler_skips_and_nothing_is_left_of_the_step(name, options):
    """pytorch/pytorch#67590: a step that GradScaler leaves out must not be seen later."""
    nets = [make_net(), make_net()]
    for net, steps in zip(nets, ([0, 1, 2], [0, 1, None, 2])):
        optimizer = make(name, net, **options)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0, growth_interval=1000)
        for step in steps:
            optimizer.zero_grad()
            loss = loss_of(net, step or 0)
            optimizer.observe(loss)
            scaler.scale(loss).backward()
            if step is None:
                net[0].weight.grad[0, 0] = float("inf")
            scaler.step(optimizer)
            scaler.update()
    assert all(
        torch.allclose(a, b, rtol=1e-4, atol=1e-5)
        for a, b in zip(weights(nets[0]), weights(nets[1]))
    )


@every
def test_a_network_and_its_optimizer_copied_together(name, options):
    """skorch-dev/skorch#317: the copy's optimizer trains the original, or nothing."""
    net = make_net()
    optimizer = make(name, net, **options)
    train(net, optimizer, range(2))
    twin, its = copy.deepcopy((net, optimizer))
    before = weights(net)
    train(twin, its, range(2, 4))
    assert same(before, weights(net)) and not same(before, weights(twin))
    train(net, optimizer, range(2, 4))
    assert same(weights(net), weights(twin))


@pytest.mark.parametrize("name", ["adamw", "sgd", "muon", "scion", "neon"])
def test_one_optimizer_for_each_parameter(name, monkeypatch):
    """pytorch/tutorials#2568, pytorch/torchtitan#705: steps that are taken in the backward pass."""
    count = 100
    params = [nn.Parameter(torch.ones(4, 4)) for _ in range(count)]
    plans, make_plan = [], _groups.make_plan

    def counted(*args):
        plans.append(make_plan(*args))
        return plans[-1]

    monkeypatch.setattr(_groups, "make_plan", counted)
    optimizers = {p: make(name, [p]) for p in params}
    assert len(plans) == count

    def step(p):
        optimizers[p].step()
        optimizers[p].zero_grad()

    for p in params:
        p.register_post_accumulate_grad_hook(step)
    for _ in range(4):
        sum(p.square().sum() for p in params).backward()
    assert all(p.grad is None and not p.eq(1).any() for p in params)
    assert len(plans) == count  # of the constructors: no step makes a plan anew


def test_a_step_in_a_forked_child():
    """pytorch/pytorch#75147: locks that a fork has copied are never given back.

    With one thread, as in a DataLoader's worker: the threads of OpenMP do not outlive a fork, and
    torch's own operators wait for them for ever, too.
    """
    net = nn.Sequential(nn.Linear(64, 128), nn.Linear(128, 64))
    optimizers = [make(name, list(net.parameters())) for name in ("muon", "neon", "adamw")]

    def steps():
        for optimizer in optimizers:
            net.zero_grad()
            net(torch.ones(4, 64)).square().mean().backward()
            optimizer.step()

    steps()
    child = os.fork()
    if child == 0:
        try:
            torch.set_num_threads(1)
            steps()
            os._exit(0)
        finally:
            os._exit(1)
    for _ in range(300):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        time.sleep(0.1)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
        pytest.fail("the child hangs")
    assert status == 0


@pytest.mark.parametrize("name", ["muon", "adamw", "sgd", "scion", "neon", "polargrad"])
def test_in_zero_redundancy_optimizer(name):
    """open-mmlab/mmengine#551: groups and states that a wrapper rebuilds."""
    from torch.distributed.optim import ZeroRedundancyOptimizer

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        nets = [make_net(), make_net()]
        plain = make(name, list(nets[0].parameters()))
        wrapped = ZeroRedundancyOptimizer(
            nets[1].parameters(), optimizer_class=CLASSES[name], lr=0.05
        )
        train(nets[0], plain, range(3))
        train(nets[1], wrapped, range(3))
        assert same(weights(nets[0]), weights(nets[1]))
        wrapped.consolidate_state_dict()
        other = ZeroRedundancyOptimizer(
            make_net().parameters(), optimizer_class=CLASSES[name], lr=0.05
        )
        other.load_state_dict(wrapped.state_dict())
    finally:
        distributed.destroy_process_group()
