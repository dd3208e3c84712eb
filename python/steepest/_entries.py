# SPDX-License-Identifier: Apache-2.0
"""The state of each parameter before a step: that it fits, and what of it is still missing."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

import torch
from torch import Tensor

from steepest import _shared, _state
from steepest._library import ops
from steepest._plan import Plan

States = MutableMapping[Tensor, _state.State]


def make_states(
    plan: Plan, states: States, params: Sequence[Tensor], grads: Sequence[Tensor | None]
) -> None:
    """Adds to ``states``, before a step, the tensors that the engine will write there.

    A parameter with a gradient and no state gets all of them; one that has state, those that it
    lacks. ``params`` and ``grads`` are in the plan's order. Raises ValueError, and adds nothing,
    where a state does not fit its parameter.
    """
    lacking: list[int] = []
    for index, (param, grad) in enumerate(zip(params, grads)):
        state = states.get(param)
        if not state:
            if grad is not None:
                lacking.append(index)
            continue
        if not _prepare_state(state, plan, index, param):
            lacking.append(index)
    for index, new_tensors in zip(lacking, new_states(plan, params, lacking)):
        _state.complete(states[params[index]], plan, index, params[index], new_tensors)


def _prepare_state(state: _state.State, plan: Plan, index: int, param: Tensor) -> bool:
    """Mends what the program around has done to a parameter's state, before a step.

    A step that is a number becomes a tensor, and tensors follow the parameter to its device.
    ``index`` is the parameter's in the plan. Returns whether the state is complete: has the step
    and every tensor that the plan lists. Raises ValueError where a tensor of the parameter's shape
    has another one.
    """
    shape, device, complete = param.shape, param.device, "step" in state
    shaped = plan.shaped[index]
    if complete and not isinstance(state["step"], Tensor):
        _state.tensor_step(state)
    for key in plan.state[index]:
        value = state.get(key)
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
            state[key] = value.to(device)
    return complete


def new_states(plan: Plan, params: Sequence[Tensor], indices: list[int]) -> list[list[Tensor]]:
    """The state tensors of a parameter before its first step, for each of ``indices``.

    ``params`` are all of the plan's. Each list has the order of ``plan.state``; the tensors lie on
    their parameter's device, and those of its shape are sharded as it is.
    """
    values = [_shared.local(params[index]) for index in indices]
    tensors = iter(ops.make_states(values, plan.text, indices))
    return [_state.as_placed(plan, index, params[index], tensors) for index in indices]


def forget_old_shapes(plan: Plan, states: States, params: Sequence[Tensor]) -> None:
    """Deletes state tensors that were made for an earlier shape of their parameter.

    Called when a plan is made anew. Deleted are those whose shape follows from rows, columns or
    the number of matrices (solvers' starts, old duals, curvature): the next step makes them again.
    Those of the parameter's own shape (momentum, second moments) stay, and :func:`make_states`
    raises ValueError for them.
    """
    having = [index for index, param in enumerate(params) if states.get(param)]
    like = [
        torch.empty_like(_shared.local(param), device="meta", requires_grad=False)
        for param in params
    ]
    for index, new_tensors in zip(having, new_states(plan, like, having)):
        state = states[params[index]]
        for key, tensor in zip(plan.state[index], new_tensors):
            derived = key not in plan.shaped[index] and tensor.dim() > 0
            if derived and state.get(key) is not None and state[key].shape != tensor.shape:
                del state[key]
