# SPDX-License-Identifier: Apache-2.0
"""One rank of a training that can be resumed: ddp.py FOLDER STORE RANKS RANK STEPS KILL_AT.

The last rank kills itself at step KILL_AT. Eight rows a step whatever the number of ranks.
"""

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import torch
from networks import make_net
from torch import distributed, nn

import steepest

ROWS = 8


def rows_of(step, rank, ranks):
    seeded = torch.Generator().manual_seed(step)
    x = torch.randn(ROWS, 6, generator=seeded)
    part = slice(rank * ROWS // ranks, (rank + 1) * ROWS // ranks)
    return x[part], torch.sin(x @ torch.ones(6, 8))[part]


def main():
    folder, store = Path(sys.argv[1]), sys.argv[2]
    ranks, rank, steps = map(int, sys.argv[3:6])
    kill_at = int(sys.argv[6] or -1)
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo",
        init_method=f"file://{store}",
        rank=rank,
        world_size=ranks,
        timeout=timedelta(seconds=20),
    )
    net = make_net()
    model = nn.parallel.DistributedDataParallel(net)
    optimizer = steepest.MuonMax(
        net.named_parameters(),
        lr=0.02,
        step_size="momo",
        process_group=distributed.group.WORLD,
    )
    saved, first = folder / "state.pt", 0
    if saved.exists():
        state = torch.load(saved, weights_only=True)
        net.load_state_dict(state["net"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    for step in range(first, steps):
        if step == kill_at and rank == ranks - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        optimizer.zero_grad()
        x, y = rows_of(step, rank, ranks)
        loss = (model(x) - y).square().mean()
        optimizer.observe(loss)
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        distributed.all_reduce(mean)
        if rank == 0:
            with open(folder / "losses", "a") as log:
                log.write(f"{step} {float(mean) / ranks}\n")
        if rank == 0 and (step + 1) % 5 == 0:
            fresh = folder / "fresh.pt"
            state = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "step": step + 1}, fresh)
            fresh.rename(saved)
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
