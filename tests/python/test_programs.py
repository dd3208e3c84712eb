# SPDX-License-Identifier: Apache-2.0
"""The rest of PyTorch around an optimizer: checkpoints, compilation, averaging, autocast."""

import gc
import os
import resource
import subprocess
import sys

import pytest
import torch
import torch.distributed.checkpoint as dcp
from networks import batch, furthest, loss_of, make_net, same, train, weights
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.optim import lr_scheduler
from torch.optim.swa_utils import SWALR, AveragedModel

import steepest
from steepest import _state

NAMES = ["muonmax-momo", "muon", "adamw"]


@pytest.mark.filterwarnings("ignore:torch.distributed is disabled")
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("flat", [False, True])
def test_a_distributed_checkpoint_continues_a_run(tmp_path, name, flat):
    options = StateDictOptions(flatten_optimizer_state_dict=flat)
    whole, net = make_net(), make_net()
    train(whole, steepest.make(name, whole.named_parameters()), range(8))
    first = steepest.make(name, net.named_parameters())
    train(net, first, range(4))
    dcp.save(
        {"optimizer": get_optimizer_state_dict(net, first, options=options)},
        checkpoint_id=tmp_path / "dcp",
        no_dist=True,
    )
    second = steepest.make(name, net.named_parameters())
    net.zero_grad()  # torch makes no state to load into where gradients are
    holder = {"optimizer": get_optimizer_state_dict(net, second, options=options)}
    dcp.load(holder, checkpoint_id=tmp_path / "dcp", no_dist=True)
    set_optimizer_state_dict(net, second, holder["optimizer"], options=options)
    train(net, second, range(4, 8))
    assert same(weights(net), weights(whole))


@pytest.mark.parametrize("name", NAMES)
def test_a_compiled_training_step_is_the_eager_one(name):
    torch._dynamo.reset()
    eager, net = make_net(), make_net()
    train(eager, steepest.make(name, eager.named_parameters()), range(5))
    optimizer = steepest.make(name, net.named_parameters())

    @torch.compile(backend="aot_eager")
    def step(x, y):
        optimizer.zero_grad()
        loss = (net(x) - y).square().mean()
        optimizer.observe(loss)
        loss.backward()
        optimizer.step()
        return loss

    for t in range(5):
        step(*batch(t))
    assert furthest(weights(net), weights(eager)) < 1e-5


def test_weight_averaging_clipping_and_autocast_go_along():
    net = make_net()
    optimizer = steepest.Muon(net.named_parameters(), lr=0.02)
    averaged, schedule = AveragedModel(net), SWALR(optimizer, swa_lr=0.01)
    losses = []
    for t in range(8):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(net, t)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 0.5)
            optimizer.step()
        losses.append(loss.item())
        averaged.update_parameters(net)
        schedule.step()
    assert losses[-1] < losses[0]
    assert all(p.dtype == torch.float32 for p in net.parameters())


def test_autocast_does_not_reach_into_the_step():
    nets = make_net(), make_net()
    for net, on in zip(nets, (False, True), strict=True):
        optimizer = steepest.PolarGrad(net.named_parameters())
        loss_of(net, 0).backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=on):
            optimizer.step()
    assert same(weights(nets[0]), weights(nets[1]))


def test_momentum_that_a_scheduler_cycles_is_read_at_every_step():
    nets = make_net(), make_net()
    matrices = lambda net: [p for p in net.parameters() if p.dim() == 2]
    pair = (
        torch.optim.Muon(matrices(nets[0])),
        steepest.Muon(matrices(nets[1]), lr=1e-3, polar="jordan"),
    )
    for net, optimizer in zip(nets, pair, strict=True):
        schedule = lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=10)
        for t in range(8):
            train(net, optimizer, range(t, t + 1))
            schedule.step()
    assert pair[1].param_groups[0]["momentum"] == pair[0].param_groups[0]["momentum"] != 0.95
    assert same(weights(nets[0]), weights(nets[1]))


def test_the_operators_pass_torchs_own_checks():
    x = torch.randn(2, 6, 4)
    ops = torch.ops.steepest
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(ops.polar.default, (x, "{}"), test_utils=checks)
    torch.library.opcheck(ops.steepest.default, (x, "spectral", "{}"), test_utils=checks)
    net = make_net()
    optimizer = steepest.Muon(net.named_parameters())
    train(net, optimizer, range(1))
    plan = optimizer._plan()
    bound = _state.bind(plan, optimizer.state, list(net.parameters()))
    arguments = (
        [p.detach() for p in bound.params],
        [p.grad for p in bound.params],
        bound.steps,
        bound.tensors,
        torch.empty(0),
        torch.empty(0),
        torch.zeros(4 + plan.leaf_count, dtype=torch.float64),
        plan.text,
        bound.live,
        *plan.rates([optimizer._canonical(g) for g in optimizer.param_groups]),
        None,
    )
    torch.library.opcheck(ops.step_.default, arguments, test_utils=("test_schema",))


def test_thousands_of_steps_and_hundreds_of_optimizers_keep_no_memory():
    net = torch.nn.Linear(4, 4)
    optimizer = steepest.MuonMax(net.named_parameters(), step_size="momo")
    for p in net.parameters():
        p.grad = torch.randn_like(p)

    def steps(count):
        for _ in range(count):
            optimizer.step(loss=1.0)

    def optimizers(count):
        for _ in range(count):
            other = steepest.Muon(net.named_parameters())
            other.step()

    for work, count in ((steps, 2000), (optimizers, 200)):
        work(count)
        gc.collect()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        work(count)
        gc.collect()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert grown < 4096, f"{work.__name__}: {grown} KiB"


def test_a_library_of_another_torch_is_refused_in_one_line(tmp_path):
    lib = tmp_path / "libsteepest_ops.so"
    lib.write_bytes(b"no library")
    for note, words in (("1.13", "built for torch 1.13, found torch"), ("", "does not load")):
        (tmp_path / "torch_version.txt").write_text(note)
        found = import_with(tmp_path / "libsteepest.so")
        assert "ImportError: steepest: " in found and words in found
    lib.unlink()
    assert "install the package" in import_with(tmp_path / "libsteepest.so")


def import_with(library) -> str:
    run = subprocess.run(
        [sys.executable, "-c", "import steepest"],
        env={**os.environ, "STEEPEST_LIBRARY": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    return run.stderr.strip().splitlines()[-1]
