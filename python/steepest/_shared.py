# SPDX-License-Identifier: Apache-2.0
"""Parameters that processes share: DTensors, and replicas whose optimizer has a process_group.

The engine is given what this process holds of each tensor, and the layout of all; see
docs/distributed.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from steepest import _options
from steepest._options import Group


class Processes(NamedTuple):
    """What the constructor is told of the processes that train with this one."""

    group: Any = None  # of replicas; None: DTensors know theirs
    wire: str | None = None  # the dtype in which u and s travel; None: their own
    ignored: bool = False  # a plan is to be made of whole parameters


ALONE = Processes()
_WIRES = ("float64", "float32", "bfloat16", "float16")


def taken_processes(options: Group) -> Processes:
    """Takes process_group and wire out of a constructor's options; ValueError for a wrong wire."""
    wire = _options.dtype_name(options.pop("wire", None))
    if wire is not None and wire not in _WIRES:
        raise ValueError(f'wire: received "{wire}", allowed {", ".join(_WIRES)}, None')
    return Processes(options.pop("process_group", None), wire)


def is_dtensor(tensor: object) -> bool:
    """Whether it is a DTensor; torch.distributed.tensor need not be imported for it."""
    kind = type(tensor)
    if kind is torch.nn.Parameter or kind is Tensor:
        return False
    return any(base.__name__ == "DTensor" for base in kind.__mro__)


def local(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor, in the tensor's own memory."""
    return tensor._local_tensor if is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor, gathered where it is a DTensor: a collective."""
    return tensor.full_tensor() if is_dtensor(tensor) else tensor  # type: ignore[attr-defined]


def gradient(param: Any, grad: Any) -> Tensor | None:
    """What this process holds of a gradient, as it holds the parameter; None of None."""
    if grad is None or not is_dtensor(param) or grad.placements == param.placements:
        return None if grad is None else local(grad)
    return local(grad.redistribute(placements=param.placements))


def like(param: Any, part: Tensor) -> Tensor:
    """A state tensor of the parameter's shape: ``part`` is what this process holds of it."""
    if not is_dtensor(param):
        return part
    from torch.distributed.tensor import DTensor

    whole: Tensor = DTensor.from_local(
        part,
        param.device_mesh,
        param.placements,
        run_check=False,
        shape=param.shape,
        stride=param.stride(),
    )
    return whole


def blank(param: Tensor) -> Tensor:
    """A tensor of the parameter's whole shape, without its numbers: of a DTensor, else itself."""
    if not is_dtensor(param):
        return param
    return torch.empty(param.shape, dtype=param.dtype, device="cpu")


def is_first(params: Sequence[Any]) -> bool:
    """Whether this process writes what all have gathered: without DTensors each does."""
    shared = group_of(params, ALONE)
    return shared is None or dist.get_rank(shared) == 0


def sharded(param: Any, whole_tensor: Tensor) -> Tensor:
    """A whole tensor of the parameter's shape, as the parameter is sharded."""
    return like(param, part_of(param, whole_tensor)) if is_dtensor(param) else whole_tensor


def part_of(param: Any, value: Any) -> Any:
    """What this process holds of a saved tensor of the parameter's shape.

    ``value`` is a DTensor on any mesh, or the whole tensor, as one process has saved it. Anything
    that does not fit is returned as it is, for the caller to refuse.
    """
    whole: Any = value
    if not is_dtensor(param):
        return whole.full_tensor() if is_dtensor(value) else value
    if not isinstance(value, Tensor) or value.shape != param.shape:
        return value
    from torch.distributed.tensor import distribute_tensor

    if not is_dtensor(value):
        mine = value.to(param.device)
        whole = distribute_tensor(mine, param.device_mesh, param.placements, src_data_rank=None)
    elif whole.device_mesh != param.device_mesh:
        return part_of(param, whole.full_tensor())
    elif whole.placements != param.placements:
        whole = whole.redistribute(param.device_mesh, param.placements)
    return local(whole)


def _placement(name: str, placement: Any) -> str:
    """A placement as the engine is told it: "R", "S0", "_S0".

    Raises TypeError, which begins with ``name``, for one that it does not have.
    """
    kind = type(placement).__name__
    if kind == "Replicate":
        return "R"
    if kind in ("Shard", "_StridedShard"):
        return ("_S" if kind == "_StridedShard" else "S") + str(placement.dim)
    raise TypeError(f"{name}: placement: received {placement}, allowed Replicate, Shard")


def _placements_on(root: Any, name: str, param: Any) -> list[str]:
    """The parameter's placement on each dimension of the mesh ``root``; "R" where it has none.

    Raises TypeError where the parameter's mesh is no part of ``root``.
    """
    mesh = param.device_mesh
    texts = [_placement(name, placement) for placement in param.placements]
    if mesh == root:
        return texts
    ours, whole = mesh.mesh_dim_names, root.mesh_dim_names
    if not ours or not whole or not set(ours) <= set(whole):
        raise TypeError(
            f"{name}: received a DTensor on {mesh}, allowed {root}, that of the others, or a "
            "dimension of it"
        )
    return [texts[ours.index(dim)] if dim in ours else "R" for dim in whole]


def _group_of(mesh: Any) -> Any:
    """The process group of all processes of a mesh."""
    if mesh.ndim == 1:
        return mesh.get_group()
    if mesh.size() == dist.get_world_size():
        return dist.group.WORLD
    return mesh._flatten().get_group()


def group_of(params: Iterable[Any], processes: Processes) -> Any:
    """The group of the processes that share the parameters; None where there is one process.

    It is that of the DTensors' mesh, else that of the replicas.
    """
    meshes = [param.device_mesh for param in params if is_dtensor(param)]
    if meshes:
        return _group_of(max(meshes, key=lambda mesh: mesh.ndim))
    if processes.group is None or dist.get_world_size(processes.group) == 1:
        return None
    return processes.group


def sharing(groups: list[Group], names: Sequence[str], processes: Processes) -> Group | None:
    """The layout of the groups' parameters as a plan has it, None where there is one process.

    Raises TypeError where a DTensor's placement or mesh is not one of those that are shared.
    """
    params = [param for group in groups for param in group["params"]]
    shared = group_of(params, processes)
    if shared is None:
        return None
    dtensors = [param for param in params if is_dtensor(param)]
    if not dtensors:
        mesh, placements = [dist.get_world_size(shared)], [["R"]] * len(params)
    else:
        root = max((param.device_mesh for param in dtensors), key=lambda found: found.ndim)
        if root.mesh.flatten().tolist() != dist.get_process_group_ranks(shared):
            raise TypeError(f"{names[0]}: received {root}, allowed a mesh with rising ranks")
        mesh = list(root.mesh.shape)
        placements = [
            _placements_on(root, name, param) if is_dtensor(param) else ["R"] * len(mesh)
            for name, param in zip(names, params)
        ]
    return {
        "group": shared.group_name,
        "rank": dist.get_rank(shared),
        "mesh": mesh,
        "placements": placements,
        **({} if processes.wire is None else {"wire": processes.wire}),
    }


def check_alike(fingerprint: int, params: Sequence[Any], processes: Processes) -> None:
    """Raises ValueError, on all processes, where their plans' fingerprints differ.

    A collective of those that share the parameters; nothing is done where there is one process.
    """
    shared = group_of(params, processes)
    if shared is None:
        return
    ends = torch.tensor([fingerprint, -fingerprint], device=params[0].device)
    dist.all_reduce(ends, dist.ReduceOp.MAX, group=shared)
    if int(ends[0]) != -int(ends[1]):
        raise ValueError(
            "param_groups: received different parameters or options on different processes, "
            "allowed the same on all of them"
        )
