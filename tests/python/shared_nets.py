# SPDX-License-Identifier: Apache-2.0
"""A network laid over Gloo processes by torch's own wrappers, for the tests of shared steps."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn


def _mesh(*sizes: int, names: tuple[str, ...] = ()):
    from torch.distributed.device_mesh import init_device_mesh

    return init_device_mesh("cpu", sizes, mesh_dim_names=names or None)


def _fully_shard(net: nn.Module, mesh) -> None:
    from torch.distributed.fsdp import fully_shard

    for layer in (net[0], net[2], net):
        fully_shard(layer, mesh=mesh)


def ddp(net: nn.Module) -> tuple[nn.Module, dict]:
    return nn.parallel.DistributedDataParallel(net), {"process_group": dist.group.WORLD}


def fsdp(net: nn.Module) -> tuple[nn.Module, dict]:
    _fully_shard(net, _mesh(dist.get_world_size()))
    return net, {}


def hsdp(net: nn.Module) -> tuple[nn.Module, dict]:
    _fully_shard(net, _mesh(2, dist.get_world_size() // 2, names=("replicate", "shard")))
    return net, {}


def fsdp_tp(net: nn.Module) -> tuple[nn.Module, dict]:
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )

    mesh = _mesh(2, dist.get_world_size() // 2, names=("dp", "tp"))
    parallelize_module(net, mesh["tp"], {"0": ColwiseParallel(), "2": RowwiseParallel()})
    _fully_shard(net, mesh["dp"])
    return net, {}


def whole(net: nn.Module) -> list[Tensor]:
    """The weights, gathered where they are sharded."""
    values = [p.detach() for p in net.parameters()]
    return [(v.full_tensor() if hasattr(v, "full_tensor") else v).clone() for v in values]


def _enter(rank: int, folder: str, world: int, work: Callable, *args) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    store = f"file://{folder}/store-{world}-{work.__name__}"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=world)
    work(folder, *args)
    dist.barrier()
    dist.destroy_process_group()


def on_processes(world: int, folder: Path, work: Callable, *args) -> None:
    """Calls work(folder, ..) on that many processes; raises what one of them raises."""
    torch.multiprocessing.start_processes(
        _enter, (str(folder), world, work, *args), nprocs=world, start_method="fork"
    )
