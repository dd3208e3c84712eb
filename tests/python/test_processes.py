# SPDX-License-Identifier: Apache-2.0
"""Distributed data parallel: two processes, one model."""

import os

import pytest
import torch
from networks import furthest, loss_of, make_net, same, weights
from torch import nn

import steepest


def make(net, **options):
    return steepest.MuonMax(net.named_parameters(), lr=0.05, step_size="momo", **options)


def work(rank: int, folder: str) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2
    )
    net = make_net()
    model = nn.parallel.DistributedDataParallel(net)
    optimizer = steepest.MuonMax(
        net.named_parameters(),
        lr=0.05,
        step_size="momo",
        process_group=torch.distributed.group.WORLD,
    )
    for step in range(4):
        optimizer.zero_grad()
        loss = loss_of(model, 2 * step + rank)
        optimizer.observe(loss)
        loss.backward()
        optimizer.step()
    torch.save(weights(net), f"{folder}/{rank}.pt")
    with pytest.warns(UserWarning, match="replicas drift apart"):
        forgetful = make(make_net())
        forgetful.observe(1.0)
        for p in forgetful._params():
            p.grad = torch.zeros_like(p)
        forgetful.step()
    torch.distributed.destroy_process_group()


def test_two_processes_have_bit_equal_weights(tmp_path):
    torch.multiprocessing.start_processes(work, (str(tmp_path),), nprocs=2, start_method="fork")
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    assert same(first, second) and not same(first, weights(make_net()))
    reference = make_net()
    optimizer = make(reference)
    for step in range(4):
        optimizer.zero_grad()
        loss = (loss_of(reference, 2 * step) + loss_of(reference, 2 * step + 1)) / 2
        optimizer.observe(loss)
        loss.backward()
        optimizer.step()
    assert furthest(first, weights(reference)) < 1e-5
