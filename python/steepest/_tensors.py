# SPDX-License-Identifier: Apache-2.0
"""Which tensors can be trained: what is refused, and of which nothing good can come."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from steepest import _shared
from steepest._say import warn

_DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
Named = list[tuple[str, Tensor]]


def check_each(named: Named) -> None:
    """Raises TypeError or ValueError for the first of ``named`` that cannot be trained.

    They are (name, tensor) pairs; what is no tensor is passed over, as torch refuses it later.
    """
    for name, tensor in named:
        if isinstance(tensor, Tensor):  # torch refuses the rest in its own words
            _check_tensor(name, tensor)


def _check_tensor(name: str, tensor: Tensor) -> None:
    """Raises TypeError or ValueError, which begins with ``name``, where a tensor cannot be trained.

    It must be dense, of a real floating dtype, and hold numbers of its own, as must what this
    process holds of a DTensor.
    """
    kind = type(tensor).__name__
    tensor = _shared.local(tensor)
    if torch.nn.parameter.is_lazy(tensor):
        raise ValueError(
            f"{name}: received no shape yet, allowed one: make the optimizer after a first forward"
        )
    if tensor.is_nested:
        raise TypeError(f"{name}: received a nested tensor, allowed one of one shape")
    if tensor.layout != torch.strided:
        raise TypeError(f"{name}: received {tensor.layout}, allowed a dense tensor")
    if tensor.dtype not in _DTYPES:
        raise TypeError(
            f"{name}: received {tensor.dtype}, allowed a real floating dtype: float64, float32, "
            "float16, bfloat16"
        )
    if is_traceable_wrapper_subclass(tensor):
        raise TypeError(f"{name}: received a {kind}, allowed a tensor that holds its own numbers")
    if tensor.is_meta and not torch.__future__.get_swap_module_params_on_conversion():
        raise ValueError(
            f"{name}: received a tensor on the meta device, allowed one that holds numbers: make "
            "the optimizer after to_empty() or load_state_dict(assign=True), which replace it"
        )
    if tensor.is_inference():
        raise ValueError(
            f"{name}: received a tensor made in torch.inference_mode(), allowed one made outside"
        )


# -- memory ----------------------------------------------------------------------------------------


class _Range(NamedTuple):
    """The addresses, in bytes, between a tensor's first and last entry."""

    device: str
    start: int
    end: int  # behind the last entry
    name: str
    tensor: Tensor


def check_memory(named: Named) -> None:
    """Raises ValueError where two entries, of one tensor or of two, are the same memory.

    Tensors are sorted by address: only neighbours whose ranges meet are looked at entry by entry,
    so that the columns of one matrix may be separate parameters.
    """
    ranges: list[_Range] = []
    for name, given in named:
        tensor = _shared.local(given)
        if _is_never_written(given) or tensor.numel() == 0:
            continue
        steps = sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride()))
        if not tensor.is_contiguous() and _overlaps_itself(tensor, steps + 1):
            raise ValueError(
                f"{name}: received a tensor whose entries share memory (expanded?), allowed one "
                "with memory for each: give its clone()"
            )
        start = tensor.data_ptr()
        size = tensor.element_size()
        ranges.append(_Range(str(tensor.device), start, start + (steps + 1) * size, name, tensor))
    ranges.sort(key=lambda found: (found.device, found.start))
    cluster: list[_Range] = []
    end = 0
    for found in ranges:
        if cluster and (found.device != cluster[0].device or found.start >= end):
            _check_cluster(cluster)
            cluster, end = [], 0
        cluster.append(found)
        end = max(end, found.end)
    _check_cluster(cluster)


def _is_never_written(tensor: Tensor) -> bool:
    """Whether no step writes to it as it is: frozen, without entries, or without memory."""
    idle = isinstance(tensor, torch.nn.Parameter) and not tensor.requires_grad
    return idle or tensor.numel() == 0 or tensor.is_meta


def _overlaps_itself(tensor: Tensor, span: int) -> bool:
    """Whether two entries of the tensor are the same memory, as those of an expanded one are.

    ``span``: the number of entries from its first address to its last.
    """
    if span < tensor.numel():
        return True
    reach = 0  # of the dimensions with smaller strides
    for stride, size in sorted(zip(tensor.stride(), tensor.shape)):
        if size > 1 and stride <= reach:
            places = torch.arange(span, device="cpu").as_strided(tensor.shape, tensor.stride(), 0)
            return bool(len(torch.unique(places)) != tensor.numel())
        reach += (size - 1) * stride
    return False


def _check_cluster(cluster: list[_Range]) -> None:
    """Raises ValueError where two tensors whose ranges meet have an entry in common.

    Every entry is marked with the number of its tensor; one that has a mark already is shared.
    Tensors of different element sizes, or shifted by less than one element, are not looked at
    entry by entry: they are refused as well.
    """
    if len(cluster) < 2:
        return
    first, size = cluster[0].start, cluster[0].tensor.element_size()
    span = (max(found.end for found in cluster) - first) // size
    alike = all(
        found.tensor.element_size() == size and (found.start - first) % size == 0
        for found in cluster
    )
    marks = torch.zeros(span if alike else 0, dtype=torch.int32, device="cpu")
    for number, (_, start, _, name, tensor) in enumerate(cluster):
        other = 1
        if alike:
            entries = marks.as_strided(tensor.shape, tensor.stride(), (start - first) // size)
            other = int(entries.max())
            entries.fill_(number + 1)
        if other and (alike or number):
            raise ValueError(
                f"{cluster[other - 1].name} and {name}: received tensors that share memory, "
                "allowed separate ones: tie parameters by giving one tensor"
            )


# -- shapes ----------------------------------------------------------------------------------------


def warn_of_shapes(tensors: Iterable[Tensor]) -> None:
    """Warns of the first tensor that is taken as a matrix and has the shape of a table or vector.

    ``tensors`` are parameters of which neither name nor module tells what they are.
    """
    for tensor in tensors:
        if tensor.dim() != 2:
            continue
        rows, columns = tensor.shape
        if 1 in (rows, columns) or (rows >= 8192 and rows > 4 * columns):
            warn(
                f"a bare tensor of shape {rows} x {columns} is taken as a matrix, but looks like "
                "an embedding or a head: give the module or names to have it routed"
            )
            return


# Norms of entries: a vector loses nothing by them.
_OF_ENTRIES = {"frobenius", "l2", "inf", "ada_inf", "ada_2"}


def warn_of_no_matrix(name: str, norm: str, backup: str, tensors: list[Tensor]) -> None:
    """Warns that none of an optimizer's ``tensors`` is a matrix, so that its norm is not used.

    ``name`` is the optimizer's, ``norm`` and ``backup`` its norms. Where ``norm`` is one of
    entries nothing is said, as vectors lose nothing by it.
    """
    if norm in _OF_ENTRIES or not tensors:
        return
    flat = any(getattr(p, "_is_flat_param", False) for p in tensors)
    why = (
        "these are FSDP's flat vectors: matrices stay matrices with DDP, or with "
        "sharding_strategy=NO_SHARD and use_orig_params=True"
        if flat
        else 'flattened or sharded ones lose their shape; role="backup" in the groups says that '
        "it is meant"
    )
    warn(
        f"{name}: none of the {len(tensors)} parameters is a matrix, so all follow the backup norm "
        f"{backup} and {norm} is not used: {why}"
    )
