# SPDX-License-Identifier: Apache-2.0
"""The state of each parameter before a step: that it fits, and what of it is still missing."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import torch
from torch import Tensor

from steepest import _state
from steepest._library import ops
from steepest._plan import Plan

States = MutableMapping[Tensor, _state.State]


def make_states(
    plan: Plan, states: States, params: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> None:
    """Makes the state of whatever has a gradient or a state already.

    ValueError, and nothing made, where a state does not fit its parameter.
    """
    lacking: list[int] = []
    for index, (param, grad) in enumerate(zip(params, grads)):
        entry = states.get(param)
        if not entry:
            if grad is not None:
                lacking.append(index)
            continue
        if not _fits_all(entry, plan, index, param):
            lacking.append(index)
    for index, fresh in zip(lacking, make(plan, params, lacking)):
        _state.complete(states[params[index]], plan, index, params[index], fresh)


def _fits_all(entry: _state.State, plan: Plan, index: int, param: Tensor) -> bool:
    """Whether nothing is missing; ValueError where something does not fit."""
    shape, device, complete = param.shape, param.device, "step" in entry
    shaped = plan.shaped[index]
    if complete and not isinstance(entry["step"], Tensor):
        _state.tensor_step(entry)
    for key in plan.state[index]:
        value = entry.get(key)
        if value is None:
            complete = False
            continue
        if key in shaped and value.shape != shape:
            raise ValueError(
                f"{plan.names[index]}: {key}: received shape {tuple(value.shape)}, allowed the "
                f"parameter's {tuple(shape)}: a parameter of another shape needs its state changed "
                "likewise, or deleted: optimizer.state.pop(parameter)"
            )
        if value.device != device:  # the parameter has moved
            entry[key] = value.to(device)
    return complete


def make(plan: Plan, params: Sequence[Tensor], indices: list[int]) -> list[list[Tensor]]:
    """The new state of each of these parameters, all zero, in the plan's order."""
    tensors = iter(ops.make_states([params[index] for index in indices], plan.text, indices))
    return [[next(tensors) for _ in plan.state[index]] for index in indices]


def forget_old_shapes(plan: Plan, states: States, params: Sequence[Tensor]) -> None:
    """Drops what a parameter of another shape had a row, a side or a matrix: it begins anew.

    Solvers' starts, old duals, curvature. State of the parameter's own shape is refused instead.
    """
    having = [index for index, param in enumerate(params) if states.get(param)]
    like = [torch.empty_like(param, device="meta", requires_grad=False) for param in params]
    for index, fresh in zip(having, make(plan, like, having)):
        entry = states[params[index]]
        for key, tensor in zip(plan.state[index], fresh):
            flat = key not in plan.shaped[index] and tensor.dim() > 0
            if flat and entry.get(key) is not None and entry[key].shape != tensor.shape:
                del entry[key]
