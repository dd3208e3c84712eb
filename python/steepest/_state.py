# SPDX-License-Identifier: Apache-2.0
"""The state that an optimizer owns, under torch's names, and the ways in and out of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest._library import ops
from steepest._plan import Plan

State = MutableMapping[str, Any]


def scalar_dtype() -> torch.dtype:
    """Of a step count, as in torch."""
    return torch.float64 if torch.get_default_dtype() == torch.float64 else torch.float32


def as_tensor(loss: Any) -> Tensor:
    """Numbers in float64: Momo's model is a small difference of losses."""
    if isinstance(loss, Tensor):
        return loss.detach()
    return torch.tensor(float(loss), dtype=torch.float64, device="cpu")


def tensor_steps(state: MutableMapping[Any, State]) -> None:
    """Old checkpoints hold the step as a number."""
    for entry in state.values():  # hooks may leave entries of other kinds
        if isinstance(entry, dict) and "step" in entry and not isinstance(entry["step"], Tensor):
            entry["step"] = torch.tensor(float(entry["step"]), dtype=scalar_dtype(), device="cpu")


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
            if begun and name == "intercept":  # Momo's <g, w>-average, as if g had been constant
                momentum = entry[names[0]].double()
                entry[name].copy_((momentum * param.double()).sum())
            if begun and name == "dual":
                tensor.copy_(_measured_dual(entry, plan, index, param, names))


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
class Bound:
    """An optimizer's tensors in the order of the plan."""

    params: list[Tensor]
    live: list[int]  # parameters that have state
    steps: list[Tensor]
    tensors: list[Tensor]


def bind(plan: Plan, state: MutableMapping[Tensor, State], params: list[Tensor]) -> Bound:
    bound = Bound(params, [], [], [])
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
    plan: Plan, bound: Bound, last: Tensor | None, lr: list[float]
) -> dict[str, dict[str, Any]]:
    """See SteepestDescent.stats."""
    grads = [p.grad for p in bound.params]
    table = ops.survey(
        bound.params, grads, bound.steps, bound.tensors, plan.text, bound.live, lr
    ).tolist()
    head = last[:4].tolist() if last is not None else [math.nan] * 4
    factors = last[4:].tolist() if last is not None else []
    parameters: dict[str, Any] = {}
    for index in bound.live:
        rows = [table[leaf] for leaf in plan.leaves[index]]
        if not rows:
            continue
        scales = [row[0] for row in rows]
        if factors and all(math.isnan(scale) for scale in scales):
            scales = [factors[leaf] for leaf in plan.leaves[index]]
        _, role = plan.sides[plan.side_of[index]]
        parameters[plan.names[index]] = {
            "role": role,
            "norm": plan.recipe[role]["norm"],
            "update_rms": _number(_root_mean_square([f * r[2] for f, r in zip(scales, rows)])),
            "dual_norm": _number(sum(row[1] for row in rows)),
            "spectral_norm": _number(max(row[3] for row in rows)),
            "polar_residual": _number(max(row[4] for row in rows)),
        }
    nonfinite = _count_nonfinite(bound, grads)
    step = {"D": head[1], "q": head[2], "model_gap": head[3], "skipped": head[0]}
    return {
        "step": {key: _number(value) for key, value in step.items()} | {"nonfinite": nonfinite},
        "parameters": parameters,
    }


def _count_nonfinite(bound: Bound, grads: Iterable[Tensor | None]) -> int:
    seen = [grad for grad in grads if grad is not None] or bound.tensors
    return sum(not bool(torch.isfinite(tensor).all()) for tensor in seen)


# -- loading ---------------------------------------------------------------------------------------


class Loading:
    """What torch's load_state_dict leaves out: checks first, own dtypes, what groups lack."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self._saved: list[tuple[Tensor, State]] = []

    def prepare(self, _: Any, state_dict: dict[str, Any]) -> dict[str, Any]:
        """The last hook before torch loads: nothing has changed yet."""
        own = self.optimizer.param_groups
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in groups]
        if sizes != [len(group["params"]) for group in own]:
            return state_dict  # torch says it
        for group, saved in zip(own, groups):
            for param, key in zip(group["params"], saved["params"]):
                entry = state_dict["state"].get(key, {})
                _check_shapes(entry, param, key)
                self._saved.append((param, entry))
        kept = [{k: v for k, v in group.items() if k != "params"} for group in own]
        merged = [{**mine, **saved} for mine, saved in zip(kept, groups)]
        return {**state_dict, "param_groups": merged}

    def finish(self) -> None:
        for param, entry in self._saved:
            for key, value in entry.items() if isinstance(entry, dict) else ():
                own = self.optimizer.state[param].get(key)
                if not isinstance(value, Tensor) or own is None or own.dtype == value.dtype:
                    continue
                self.optimizer.state[param][key] = value.to(device=own.device, copy=True)
        tensor_steps(self.optimizer.state)


SHAPED = ("momentum_buffer", "exp_avg", "exp_avg_sq")


def _check_shapes(entry: State, param: Tensor, key: Any) -> None:
    for name in SHAPED:
        value = entry.get(name)
        if isinstance(value, Tensor) and value.shape != param.shape:
            raise ValueError(
                f"load_state_dict: state[{key}].{name}: received shape {tuple(value.shape)}, "
                f"allowed the parameter's {tuple(param.shape)}"
            )


def _entries(state_dict: dict[str, Any]) -> list[tuple[str | None, State]]:
    """Every parameter's name (None without names) and state, in the state_dict's order."""
    if "param_groups" not in state_dict:
        raise ValueError(
            "load_torch_state: received no param_groups, allowed an optimizer's state_dict"
        )
    entries: list[tuple[str | None, State]] = []
    for group in state_dict["param_groups"]:
        names = group.get("param_names") or [None] * len(group["params"])
        for name, key in zip(names, group["params"]):
            entries.append((name, state_dict["state"].get(key, {})))
    return entries


def _pair(
    entries: list[tuple[str | None, State]], wanted: list[int], names: list[str], what: str
) -> list[tuple[int, State]]:
    by_name = {name: entry for name, entry in entries if name is not None}
    if by_name and all(names[index] in by_name for index in wanted):
        return [(index, by_name[names[index]]) for index in wanted]
    if len(entries) != len(wanted):
        raise ValueError(
            f"load_torch_state: {what}: received {len(entries)} parameters, allowed {len(wanted)}"
        )
    return [(index, entry) for index, (_, entry) in zip(wanted, entries)]


def merge(optimizer: Optimizer, plan: Plan, state_dicts: tuple[dict[str, Any], ...]) -> None:
    """See SteepestDescent.load_torch_state."""
    if len(state_dicts) not in (1, 2):
        raise ValueError(
            f"load_torch_state: received {len(state_dicts)} state_dicts, allowed one or two"
        )
    params = [p for group in optimizer.param_groups for p in group["params"]]
    everything = range(len(params))
    roles = [plan.sides[side][1] for side in plan.side_of]
    parts = [list(everything)]
    if len(state_dicts) == 2:
        parts = [[i for i in everything if roles[i] == role] for role in ("matrix", "backup")]
    found: list[tuple[int, State]] = []
    for number, (wanted, state_dict) in enumerate(zip(parts, state_dicts)):
        found += _pair(_entries(state_dict), wanted, plan.names, f"state_dict {number}")
    for index, entry in found:
        _check_shapes(entry, params[index], plan.names[index])
    for index, entry in found:
        if not entry:
            continue
        known = [name for name in (*plan.state[index], "step") if entry.get(name) is not None]
        optimizer.state[params[index]] = {
            name: _own(entry[name], params[index], name) for name in known
        }
    tensor_steps(optimizer.state)
    for index, _ in found:
        if optimizer.state.get(params[index]):
            complete(optimizer.state[params[index]], plan, index, params[index])


def _own(value: Any, param: Tensor, name: str) -> Any:
    if not isinstance(value, Tensor):
        return value
    return value.clone() if name == "step" else value.to(device=param.device, copy=True)
