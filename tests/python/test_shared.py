# SPDX-License-Identifier: Apache-2.0
"""Parameters that processes share, by DDP, FSDP2, HSDP and tensor parallelism: as one process."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import shared_nets
import torch
import torch.distributed as dist
from networks import furthest, loss_of, make_net, same, train, weights
from shared_nets import ddp, fsdp, hsdp, on_processes, whole

import steepest

# One optimizer of each way through the step: without duals; with state of rows, and of squares;
# with duals of the whole network; of low rank; of entries.
NAMES = ["muon", "normuon", "soap", "muonmax", "muonmax-momo", "neon", "adamw"]
STEPS = 5
LONG = "LONG" in os.environ  # make test-distributed: eight processes, too
WORLDS = (8, 3, 4, 2, 1) if LONG else (4, 2, 1)  # that a checkpoint goes through
LAYOUTS = [(2, "ddp"), (3, "fsdp"), (4, "hsdp"), (4, "fsdp_tp")]
if LONG:
    LAYOUTS += [(8, "ddp"), (8, "fsdp"), (8, "hsdp")]


@pytest.fixture(autouse=True)
def one_thread():
    """The one process sums its forward pass as each of several does: with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def train_all(folder: str, share: Callable) -> None:
    found = {}
    for name in NAMES:
        net, options = share(make_net())
        found[name] = (train(net, steepest.make(name, net, **options), range(STEPS)), whole(net))
    if dist.get_rank() == 0:
        torch.save(found, f"{folder}/found.pt")


@pytest.mark.parametrize(("world", "share"), LAYOUTS)
def test_every_layout_trains_as_one_process(tmp_path, world, share):
    on_processes(world, tmp_path, train_all, getattr(shared_nets, share))
    found = torch.load(tmp_path / "found.pt")
    for name in NAMES:
        net = make_net()
        losses = train(net, steepest.make(name, net), range(STEPS))
        # Sums are rounded otherwise: of the forward pass by tensor parallelism, of three or eight
        # equal gradients, and of dual norms.
        even = share != "fsdp_tp" and world in (2, 4)
        exact = even and name in ("muon", "normuon", "soap", "adamw")
        if exact:
            assert losses == found[name][0] and same(weights(net), found[name][1]), name
        elif name != "soap":  # whose first bases hang on the last bits of the gradients
            assert furthest(weights(net), found[name][1]) < 3e-5, name


def put_into(folder: str, names: list[str], world_before: int) -> None:
    """Loads what another number of processes has saved, if any, takes two steps and saves."""
    import torch.distributed.checkpoint as dcp
    from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict

    for name in names:
        net, _ = fsdp(make_net())
        optimizer = steepest.make(name, net)
        first = 0
        if world_before:
            model_state, optimizer_state = get_state_dict(net, optimizer)
            held = {"model": model_state, "optimizer": optimizer_state}
            dcp.load(held, checkpoint_id=f"{folder}/{name}-{world_before}")
            set_state_dict(
                net,
                optimizer,
                model_state_dict=held["model"],
                optim_state_dict=held["optimizer"],
            )
            first = int(Path(f"{folder}/steps").read_text())
        train(net, optimizer, range(first, first + 2))
        model_state, optimizer_state = get_state_dict(net, optimizer)
        dcp.save(
            {"model": model_state, "optimizer": optimizer_state},
            checkpoint_id=f"{folder}/{name}-{dist.get_world_size()}",
        )
        state = whole(net)
        if dist.get_rank() == 0:
            torch.save(state, f"{folder}/{name}.pt")
    dist.barrier()
    if dist.get_rank() == 0:
        Path(f"{folder}/steps").write_text(str(first + 2))


def test_checkpoints_go_from_one_number_of_processes_to_another(tmp_path):
    names = ["muon", "normuon", "muonmax-momo"]
    before = 0
    for world in WORLDS:
        on_processes(world, tmp_path, put_into, names, before)
        before = world
    for name in names:
        net = make_net()
        train(net, steepest.make(name, net), range(2 * len(WORLDS)))
        found = torch.load(tmp_path / f"{name}.pt")
        assert furthest(weights(net), found) < (3e-5 if LONG or "momo" in name else 1e-9), name


def miss_a_gradient(folder: str) -> None:
    net, _ = fsdp(make_net())
    optimizer = steepest.make("muon", net)
    train(net, optimizer, range(1))
    before = whole(net)
    loss_of(net, 1).backward()
    if dist.get_rank() == 1:
        net[0].weight.grad = None
    with pytest.raises(ValueError, match=r"0.weight.*gradient on 1 of 2 processes"):
        optimizer.step()
    assert same(whole(net), before)


def look(folder: str) -> None:
    """Replicas have stats, the same on each; shards have none yet, which is said."""
    net, options = ddp(make_net())
    optimizer = steepest.make("muonmax-momo", net, **options)
    train(net, optimizer, range(2))
    told = optimizer.stats()["parameters"]["module.0.weight"]
    assert told["dual_norm"] > 0 and told["spectral_norm"] > 0
    shards, _ = fsdp(make_net())
    optimizer = steepest.make("muon", shards)
    train(shards, optimizer, range(1))
    with pytest.raises(ValueError, match="stats: received sharded parameters"):
        optimizer.stats()


def differ(folder: str) -> None:
    net, _ = fsdp(make_net())
    with pytest.raises(ValueError, match="different parameters or options on different processes"):
        steepest.make("muon" if dist.get_rank() == 0 else "scion", net)


def lose_a_process(folder: str) -> None:
    """One process dies before its step: the others raise, and their weights are as they were."""
    net, _ = fsdp(make_net())
    optimizer = steepest.make("muon", net)
    train(net, optimizer, range(1))
    loss_of(net, 1).backward()
    before = [p.detach().to_local().clone() for p in net.parameters()]
    if dist.get_rank() == 1:
        os._exit(0)
    with pytest.raises(RuntimeError):
        optimizer.step()
    assert same([p.detach().to_local() for p in net.parameters()], before)
    os._exit(0)  # the group is gone


@pytest.mark.parametrize("work", [miss_a_gradient, look, differ, lose_a_process])
def test_what_is_refused_changes_nothing(tmp_path, work):
    on_processes(2, tmp_path, work)


def save_whole(folder: str) -> None:
    net, _ = fsdp(make_net())
    optimizer = steepest.make("muon", net)
    train(net, optimizer, range(2))
    saved = torch.load(f"{folder}/one.pt", weights_only=False)
    optimizer.load_state_dict(saved)
    mine = [
        optimizer.state[p]["momentum_buffer"].full_tensor() for p in net.parameters() if p.dim() > 1
    ]
    theirs = [s["momentum_buffer"] for s in saved["state"].values() if "exp_avg_sq" not in s]
    assert same(mine, theirs)


def test_a_state_dict_of_one_process_goes_into_a_sharded_run(tmp_path):
    net = make_net()
    optimizer = steepest.make("muon", net)
    train(net, optimizer, range(3))
    torch.save(optimizer.state_dict(), tmp_path / "one.pt")
    on_processes(2, tmp_path, save_whole)


def send_halves(folder: str) -> None:
    """With a wire of bfloat16 replicas stay equal, and near what a wire of float32 gives."""
    nets = [make_net(), make_net()]
    for net, wire in zip(nets, (None, torch.bfloat16)):
        parallel, options = hsdp(net)
        train(net, steepest.make("muon", parallel, wire=wire, **options), range(STEPS))
    exact, rounded = (whole(net) for net in nets)
    assert not same(exact, rounded)
    assert furthest(exact, rounded) < 4e-3
    own = [p.detach().to_local() for p in nets[1].parameters()]
    shards = [value.chunk(2, 0)[dist.get_rank() % 2] for value in rounded]
    assert same(own, shards)


def tell_the_plan(folder: str) -> None:
    net, _ = fsdp(make_net())
    table = steepest.make("muon", net)._plan().table
    rank = dist.get_rank()
    owners = sorted(
        line.split()[-1] for line in table.splitlines() if " x " in line and "process" in line
    )
    assert owners == ["0", "1"]
    assert table.splitlines()[-1].startswith(f"process {rank} of 2: ")
    assert "computed by" in table and "where it lies" in table


@pytest.mark.parametrize(("world", "work"), [(4, send_halves), (2, tell_the_plan)])
def test_wires_and_plans(tmp_path, world, work):
    on_processes(world, tmp_path, work)


def test_a_wrong_wire_is_refused():
    with pytest.raises(ValueError, match='wire: received "int8", allowed float64, float32'):
        steepest.make("muon", make_net(), wire=torch.int8)


def save_file(folder: str) -> None:
    """A file that shards have written, read by shards again: the runs go on alike."""
    path = f"{folder}/state.safetensors"
    nets = [fsdp(make_net())[0] for _ in range(2)]
    first, second = (steepest.make("normuon", net) for net in nets)
    train(nets[0], first, range(2))
    steepest.save(first, path)
    dist.barrier()
    torch.nn.Module.load_state_dict(nets[1], nets[0].state_dict())
    steepest.load(second, path)
    for net, optimizer in zip(nets, (first, second)):
        train(net, optimizer, range(2, 4))
    assert same(whole(nets[0]), whole(nets[1]))


def test_a_file_of_shards_is_one_of_one_process(tmp_path):
    on_processes(2, tmp_path, save_file)
    net = make_net()
    optimizer = steepest.make("normuon", net)
    train(net, optimizer, range(2))
    read = steepest.make("normuon", make_net())
    steepest.load(read, tmp_path / "state.safetensors")
    for mine, theirs in zip(optimizer.state.values(), read.state.values()):
        for name, value in mine.items():
            assert torch.equal(value, theirs[name]), name
