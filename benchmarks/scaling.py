# SPDX-License-Identifier: Apache-2.0
"""A step that two processes of one thread share, beside one process of two threads.

    STEEPEST_LIBRARY=build/lib/libsteepest.so PYTHONPATH=python python benchmarks/scaling.py
        [--rounds 10] [--layers 12] [--row muon]

On the matrices of GPT-2 small, by replicas (DDP), by shards of their rows (FSDP2), and by shards
with a wire of bfloat16. Contenders take turns: while one steps the others sleep in a barrier. Two
cores are all there is here, so it says what sharing costs, not what it gains.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent))
from steps import gpt2_small, gradient  # noqa: E402

import steepest  # noqa: E402

LAYOUTS = ("one process", "replicas", "shards", "shards, bfloat16 wire")


def parameters(layers: int, layout: str) -> list[Tensor]:
    """The matrices and their gradients, sharded by rows where the layout says so."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Shard, distribute_tensor

    generator = torch.Generator().manual_seed(0)
    mesh = init_device_mesh("cpu", (dist.get_world_size(),)) if "shards" in layout else None
    params = []
    for shape in gpt2_small(layers):
        value, grad = torch.randn(shape, generator=generator) * 0.02, gradient(shape, generator)
        if mesh is not None:
            value, grad = (distribute_tensor(t, mesh, [Shard(0)]) for t in (value, grad))
        params.append(torch.nn.Parameter(value))
        params[-1].grad = grad
    return params


def contender(layout: str, given: argparse.Namespace):
    """The optimizer of a layout, on this process; None where it takes no part."""
    if layout == "one process" and dist.get_rank() > 0:
        return None
    options = {"process_group": dist.group.WORLD} if layout == "replicas" else {}
    wire = torch.bfloat16 if "wire" in layout else None
    params = parameters(given.layers, layout)
    return steepest.make(given.row, params, lr=1e-3, wire=wire, **options)


def work(rank: int, folder: str, given: argparse.Namespace) -> None:
    """Times every layout's steps on this process; the first prints the table."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    optimizers = {layout: contender(layout, given) for layout in LAYOUTS}
    seconds: dict[str, list[float]] = {layout: [] for layout in LAYOUTS}
    for turn in range(given.rounds + 1):
        for layout, optimizer in optimizers.items():
            torch.set_num_threads(2 if layout == "one process" else 1)
            dist.barrier()
            start = time.perf_counter()
            if optimizer is not None:
                optimizer.step()
            dist.barrier()
            if turn > 0:
                seconds[layout].append(time.perf_counter() - start)
    if rank == 0:
        base = seconds["one process"]
        print(f"{given.row}, {given.layers} layers of GPT-2 small, {given.rounds} rounds")
        for layout, found in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(found, base))
            print(f"{layout:24} {1e3 * statistics.median(found):8.0f} ms  x {ratio:.2f}")
    dist.destroy_process_group()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--layers", type=int, default=12, help="of GPT-2 small's 12")
    parser.add_argument("--row", default="muon", help="an optimizer of the catalog")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(work, (folder, given), nprocs=2)


if __name__ == "__main__":
    main()
