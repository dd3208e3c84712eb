# SPDX-License-Identifier: Apache-2.0
"""The state that an optimizer owns, under torch's names, and the ways in and out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steepest._library import ops
from steepest._numbers import number
from steepest._plan import Plan

State = MutableMapping[str, Any]


def scalar_dtype() -> torch.dtype:
    """Of a step count, as in torch."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def as_tensor(loss: Any) -> Tensor:
    """A loss as a tensor without a graph: tensors keep their dtype, numbers become float64.

    Momo's model is a small difference of losses, which float32 would round away.
    """
    if isinstance(loss, Tensor):
        return loss.detach()
    return torch.tensor(float(loss), dtype=torch.float64, device="cpu")


def tensor_step(entry: State) -> None:
    """Old checkpoints, and programs that reset a state, hold the step as a number."""
    if not isinstance(entry["step"], Tensor):
        count = number("step", entry["step"])
        entry["step"] = torch.tensor(count, dtype=scalar_dtype(), device="cpu")


def tensor_steps(state: MutableMapping[Any, State]) -> None:
    for entry in state.values():  # hooks may leave entries of other kinds
        if isinstance(entry, dict) and "step" in entry:
            tensor_step(entry)


def complete(
    entry: State, plan: Plan, index: int, param: Tensor, fresh: list[Tensor] | None = None
) -> None:
    """Makes what is missing: all of it at the first gradient, else what another optimizer lacks.

    A buffer without a step count is torch.optim.Muon's or SGD's: it has begun. ``fresh`` is what
    the operators ``make_states`` has made for many at once.
    """
    names = plan.state[index]
    if "step" in entry and all(entry.get(name) is not None for name in names):
        return
    begun = any(entry.get(name) is not None for name in names)
    if "step" not in entry:
        entry["step"] = torch.tensor(float(begun), dtype=scalar_dtype(), device="cpu")
    if fresh is None:
        fresh = ops.make_state(param, plan.text, index)
    for name, tensor in zip(names, fresh):
        if entry.get(name) is None:
            entry[name] = tensor
            if begun:
                _catch_up(entry, plan, index, param, name)


def _catch_up(entry: State, plan: Plan, index: int, param: Tensor, name: str) -> None:
    """What a new tensor would hold, had it been there while the momentum grew."""
    names = plan.state[index]
    if name == "intercept":  # Momo's <g, w>-average, as if g had been constant
        momentum = entry[names[0]].double()
        entry[name].copy_((momentum * param.double()).sum())
    if name == "dual":
        entry[name].copy_(_measured_dual(entry, plan, index, param, names))


def _measured_dual(entry: State, plan: Plan, index: int, param: Tensor, names: list[str]) -> Tensor:
    """The dual norm of the momentum as it is, for a state that has none stored."""
    tensors = [entry[name] for name in names]
    params = [param if i == index else param.new_empty(0) for i in range(len(plan.names))]
    table = ops.survey(
        params,
        [None] * len(params),
        [entry["step"]],
        tensors,
        plan.text,
        [index],
        [0.0] * len(plan.sides),
    )
    return table[plan.leaves[index], 1]


@dataclass
class BoundState:
    """An optimizer's tensors in the order of the plan."""

    params: list[Tensor]
    live: list[int]  # parameters that have state
    steps: list[Tensor]
    tensors: list[Tensor]


def bind(plan: Plan, state: MutableMapping[Tensor, State], params: list[Tensor]) -> BoundState:
    bound = BoundState(params, [], [], [])
    for index, param in enumerate(params):
        entry = state.get(param)
        if not entry or "step" not in entry:
            continue
        bound.live.append(index)
        bound.steps.append(entry["step"])
        bound.tensors.extend(entry[name] for name in plan.state[index])
    return bound


# -- stats -----------------------------------------------------------------------------------------


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(sum(value * value for value in values) / len(values))


def stats(
    plan: Plan, bound: BoundState, last: Tensor | None, lr: list[float]
) -> dict[str, dict[str, Any]]:
    """See SteepestDescent.stats."""
    grads = [p.grad for p in bound.params]
    table = ops.survey(
        bound.params, grads, bound.steps, bound.tensors, plan.text, bound.live, lr
    ).tolist()
    head = last[:4].tolist() if last is not None else [math.nan] * 4
    factors = last[4:].tolist() if last is not None else []
    parameters = {
        plan.names[index]: _parameter_stats(plan, index, table, factors)
        for index in bound.live
        if plan.leaves[index]
    }
    nonfinite = _count_nonfinite(bound, grads)
    step = {"D": head[1], "q": head[2], "model_gap": head[3], "skipped": head[0]}
    return {
        "step": {key: _number(value) for key, value in step.items()} | {"nonfinite": nonfinite},
        "parameters": parameters,
    }


def _parameter_stats(
    plan: Plan, index: int, table: list[list[float]], factors: list[float]
) -> dict[str, Any]:
    rows = [table[leaf] for leaf in plan.leaves[index]]
    scales = [row[0] for row in rows]
    if factors and all(math.isnan(scale) for scale in scales):
        scales = [factors[leaf] for leaf in plan.leaves[index]]
    _, role = plan.sides[plan.side_of[index]]
    return {
        "role": role,
        "norm": plan.recipe[role]["norm"],
        "update_rms": _number(_root_mean_square([f * r[2] for f, r in zip(scales, rows)])),
        "dual_norm": _number(sum(row[1] for row in rows)),
        "spectral_norm": _number(max(row[3] for row in rows)),
        "polar_residual": _number(max(row[4] for row in rows)),
    }


def _count_nonfinite(bound: BoundState, grads: Iterable[Tensor | None]) -> int:
    seen = [grad for grad in grads if grad is not None] or bound.tensors
    return sum(not bool(torch.isfinite(tensor).all()) for tensor in seen)
