# SPDX-License-Identifier: Apache-2.0
"""The state of each parameter before a step: that it fits, and what of it is still missing."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

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
    for index, (param, grad, names) in enumerate(zip(params, grads, plan.state)):
        entry = states.get(param)
        if not entry:
            if grad is not None:
                lacking.append(index)
            continue
        if not _fits_all(entry, names, param, plan.names[index]):
            lacking.append(index)
    for index, fresh in zip(lacking, make(plan, params, lacking)):
        _state.complete(states[params[index]], plan, index, params[index], fresh)


def _fits_all(entry: _state.State, names: Sequence[str], param: Tensor, name: str) -> bool:
    """Whether nothing is missing; ValueError where something does not fit."""
    shape, device, complete = param.shape, param.device, "step" in entry
    if complete and not isinstance(entry["step"], Tensor):
        _state.tensor_step(entry)
    for key in names:
        value = entry.get(key)
        if value is None:
            complete = False
        elif (key in _state.SHAPED and value.shape != shape) or value.device != device:
            _fit(entry, key, param, name)
    return complete


def make(plan: Plan, params: Sequence[Tensor], indices: list[int]) -> list[list[Tensor]]:
    """The new state of each of these parameters, all zero, in the plan's order."""
    tensors = iter(ops.make_states([params[index] for index in indices], plan.text, indices))
    return [[next(tensors) for _ in plan.state[index]] for index in indices]


def forget_old_shapes(plan: Plan, states: States, params: Sequence[Tensor]) -> None:
    """Drops what a parameter of another shape had a row, a side or a matrix: it begins anew.

    Solvers' starts, old duals, curvature. State of the parameter's own shape is refused instead.
    """
    kept = {*_state.SHAPED, "intercept"}
    flat = [set(names) - kept for names in plan.state]
    having = [i for i, p in enumerate(params) if flat[i] & set(states.get(p) or ())]
    for index, fresh in zip(having, make(plan, params, having)):
        entry = states[params[index]]
        for key, tensor in zip(plan.state[index], fresh):
            old = entry.get(key) if key in flat[index] else None
            if old is not None and old.shape != tensor.shape:
                del entry[key]


def _fit(entry: _state.State, key: str, param: Tensor, name: str) -> None:
    """Moves a state to where its parameter now is; ValueError where that has another shape."""
    value = entry[key]
    if key in _state.SHAPED and value.shape != param.shape:
        raise ValueError(
            f"{name}: {key}: received shape {tuple(value.shape)}, allowed the parameter's "
            f"{tuple(param.shape)}: a parameter of another shape needs its state changed "
            "likewise, or deleted: optimizer.state.pop(parameter)"
        )
    entry[key] = value.to(param.device)
