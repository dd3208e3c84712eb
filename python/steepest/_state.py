# SPDX-License-Identifier: Apache-2.0
"""The state that an optimizer owns, under torch's names, and the ways in and out of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from typing_extensions import TypedDict

from steepest import _shared
from steepest._library import ops
from steepest._numbers import number
from steepest._plan import Plan

State = MutableMapping[str, Any]


class LastStep(TypedDict):
    """What ``optimizer.last_step()`` returns; None where a recipe has no such number."""

    D: float | None
    q: float | None
    model_gap: float | None
    f_star: float | None
    skipped: float | None


class StepStats(LastStep):
    """What ``optimizer.stats()["step"]`` has: the numbers of the last step, and one measured."""

    nonfinite: int


class ParameterStats(TypedDict):
    """What ``optimizer.stats()["parameters"]`` has for each parameter, by name."""

    role: str
    norm: str
    update_rms: float | None
    dual_norm: float | None
    spectral_norm: float | None
    polar_residual: float | None


class Stats(TypedDict):
    """What ``optimizer.stats()`` returns."""

    step: StepStats
    parameters: dict[str, ParameterStats]


def scalar_dtype() -> torch.dtype:
    """The dtype of a step count, as torch chooses it: float32, unless the default is float64."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def model_size(group: Mapping[str, Any]) -> int:
    """How many numbers group["momo"] has, Momo's model: 3, or 8 where lr or f_star is "auto"."""
    level = group.get("f_star") == "auto" or group.get("f_star_rule") == "level"
    return 8 if level or group.get("lr_auto") else 3


def fitted_model(momo: Tensor, group: Mapping[str, Any]) -> Tensor:
    """Momo's model with as many numbers as the group needs: what it lacks begins with zeros."""
    size = model_size(group)
    return momo if len(momo) == size else torch.nn.functional.pad(momo, (0, size - len(momo)))


def as_tensor(loss: Any) -> Tensor:
    """A loss as a tensor without a graph: tensors keep their dtype, numbers become float64.

    Momo's model is a small difference of losses, which float32 would round away.
    """
    if isinstance(loss, Tensor):
        return loss.detach()
    return torch.tensor(float(loss), dtype=torch.float64, device="cpu")


def tensor_step(state: State) -> None:
    """Makes state["step"] a 0-dim tensor on the CPU, in place, where it is a number.

    It is a number in old checkpoints, and where a program has reset the state. Raises TypeError or
    ValueError where it is neither a tensor nor a finite number.
    """
    if not isinstance(state["step"], Tensor):
        count = number("step", state["step"])
        state["step"] = torch.tensor(count, dtype=scalar_dtype(), device="cpu")


def tensor_steps(states: MutableMapping[Any, State]) -> None:
    """Calls :func:`tensor_step` for each parameter's state in ``states``, an optimizer's."""
    for state in states.values():  # hooks may leave values of other kinds
        if isinstance(state, dict) and "step" in state:
            tensor_step(state)


def complete(
    state: State, plan: Plan, index: int, param: Tensor, new_tensors: list[Tensor] | None = None
) -> None:
    """Adds to a parameter's ``state`` the step count and the tensors of the plan that it lacks.

    Before its first step it lacks all of them. Later it lacks what another optimizer, such as
    torch's, has not kept; that gets the values that it would have had. ``index`` is the parameter's
    in the plan. ``new_tensors``: all of its state as it is before the first step, where the caller
    has made it for many parameters at once.
    """
    names = plan.state[index]
    if "step" in state and all(state.get(name) is not None for name in names):
        return
    begun = any(state.get(name) is not None for name in names)
    if "step" not in state:  # a buffer without one is of torch's Muon or SGD, which do not count
        state["step"] = torch.tensor(float(begun), dtype=scalar_dtype(), device="cpu")
    if new_tensors is None:
        made = iter(ops.make_state(_shared.local(param), plan.text, index))
        new_tensors = as_placed(plan, index, param, made)
    for name, tensor in zip(names, new_tensors):
        if state.get(name) is None:
            state[name] = tensor
            if begun:
                _catch_up(state, plan, index, param, name)


def as_placed(plan: Plan, index: int, param: Tensor, made: Iterator[Tensor]) -> list[Tensor]:
    """The next tensors of ``made``, a parameter's state from the engine, as the state has them.

    Those of the parameter's own shape are DTensors where it is one.
    """
    shaped = plan.shaped[index]
    return [
        _shared.like(param, next(made)) if name in shaped else next(made)
        for name in plan.state[index]
    ]


def _catch_up(state: State, plan: Plan, index: int, param: Tensor, name: str) -> None:
    """Fills the new tensor state[name] with what it would hold, had it been there all the time.

    That is computed from the momentum, which has been there, for Momo's "intercept" and for the
    "dual" norms; any other tensor stays as it was made.
    """
    names = plan.state[index]
    if name == "intercept":  # Momo's <g, w>-average, as if g had been constant
        momentum = state[names[0]].double()
        state[name].copy_((momentum * param.double()).sum())
    if name == "dual":
        state[name].copy_(_measured_duals(state, plan, index, param, names))


def _measured_duals(
    state: State, plan: Plan, index: int, param: Tensor, names: list[str]
) -> Tensor:
    """The dual norms of a parameter's momentum as it is now, float64, one for each of its matrices.

    ``names`` are those of its state tensors, in the plan's order. The operator takes all of the
    plan's parameters, of which the others are given without entries.
    """
    tensors = [state[name] for name in names]
    params = [param if i == index else param.new_empty(0) for i in range(len(plan.names))]
    table: Tensor = ops.survey(
        params,
        [None] * len(params),
        [state["step"]],
        tensors,
        plan.text,
        [index],
        [0.0] * len(plan.sides),
    )
    return table[plan.leaves[index], 1]


@dataclass
class BoundState:
    """An optimizer's tensors as the operators take them, in the order of the plan."""

    params: list[Tensor]
    live: list[int]  # the indices of the parameters that have state
    steps: list[Tensor]  # of these
    tensors: list[Tensor]  # all state tensors of the first of these, then of the next, ..


def bind(
    plan: Plan,
    states: MutableMapping[Tensor, State],
    params: list[Tensor],
    view: Callable[[Tensor], Tensor] = _shared.local,
) -> BoundState:
    """Lists an optimizer's ``states`` for an operator, without copies; each must be complete.

    ``params`` are all of the plan's, in its order. The result has them, and of those with a state
    the indices (``live``), the step counts and, one parameter after the other, the tensors. Of
    DTensors it has what this process holds, or another ``view``.
    """
    bound = BoundState([view(param) for param in params], [], [], [])
    for index, param in enumerate(params):
        state = states.get(param)
        if not state or "step" not in state:
            continue
        bound.live.append(index)
        bound.steps.append(state["step"])
        bound.tensors.extend(view(state[name]) for name in plan.state[index])
    return bound


# -- stats -----------------------------------------------------------------------------------------


def _none_if_nan(value: float) -> float | None:
    """The number; None in place of the NaN by which the engine says that there is none."""
    return None if math.isnan(value) else value


def _root_mean_square(values: list[float]) -> float:
    """sqrt(mean of value^2), of one value or more."""
    return math.sqrt(sum(value * value for value in values) / len(values))


def last_step(last: Tensor | None, f_star: float | None) -> LastStep:
    """The numbers of SteepestDescent.last_step; ``last`` and ``f_star`` are as of :func:`stats`."""
    head = last[:4].tolist() if last is not None else [math.nan] * 4
    skipped, dual, q, gap = map(_none_if_nan, head)
    return {"D": dual, "q": q, "model_gap": gap, "f_star": f_star, "skipped": skipped}


def stats(
    plan: Plan, bound: BoundState, last: Tensor | None, lr: list[float], f_star: float | None
) -> Stats:
    """The numbers of SteepestDescent.stats, which says what they are.

    Args:
        bound: the parameters and their states.
        last: what the last step wrote, [4 + leaves]: skipped, D, q, f~ - f*, and the coefficient of
            each leaf; None before any step.
        lr: the effective learning rate of each of the engine's groups.
        f_star: Momo's lower bound on the loss; None without Momo, or before its first step.
    """
    grads = [p.grad for p in bound.params]
    table = ops.survey(
        bound.params, grads, bound.steps, bound.tensors, plan.text, bound.live, lr
    ).tolist()
    coefficients = last[4:].tolist() if last is not None else []
    parameters = {
        plan.names[index]: _parameter_stats(plan, index, table, coefficients)
        for index in bound.live
        if plan.leaves[index]
    }
    step: StepStats = {
        **last_step(last, f_star),
        "nonfinite": _count_nonfinite(bound.tensors, grads),
    }
    return {"step": step, "parameters": parameters}


def _parameter_stats(
    plan: Plan, index: int, table: list[list[float]], coefficients: list[float]
) -> ParameterStats:
    """The numbers of one parameter, of index ``index`` in the plan.

    ``table`` has a row for each leaf: what the direction is multiplied by (NaN where that needs the
    whole network), its dual norm, the root mean square of its direction, its spectral norm and the
    polar residual. ``coefficients`` are those of the last step, [] before any.
    """
    rows = [table[leaf] for leaf in plan.leaves[index]]
    scales = [row[0] for row in rows]
    if coefficients and all(math.isnan(scale) for scale in scales):
        scales = [coefficients[leaf] for leaf in plan.leaves[index]]
    _, role = plan.sides[plan.side_of[index]]
    return {
        "role": role,
        "norm": plan.recipe[role]["norm"],
        "update_rms": _none_if_nan(_root_mean_square([f * r[2] for f, r in zip(scales, rows)])),
        "dual_norm": _none_if_nan(sum(row[1] for row in rows)),
        "spectral_norm": _none_if_nan(max(row[3] for row in rows)),
        "polar_residual": _none_if_nan(max(row[4] for row in rows)),
    }


def _count_nonfinite(state_tensors: list[Tensor], grads: Iterable[Tensor | None]) -> int:
    """How many gradients hold a NaN or Inf; how many state tensors, where no gradient is left."""
    seen = [grad for grad in grads if grad is not None] or state_tensors
    return sum(not bool(torch.isfinite(tensor).all()) for tensor in seen)
