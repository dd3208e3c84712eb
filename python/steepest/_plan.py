# SPDX-License-Identifier: Apache-2.0
"""A plan: parameter groups laid over their parameters' shapes, as text for the engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from steepest import _options
from steepest._library import ops
from steepest._options import Group

# Read at every step, so that a change makes no new plan.
_LIVE = {
    "params",
    "param_names",
    "lr",
    "lr_ratio",
    "backup_lr_ratio",
    "weight_decay",
    "backup_weight_decay",
    "initial_lr",
    "max_lr",
    "min_lr",
    "max_momentum",
    "base_momentum",
    "swa_lr",
    "maximize",
    "momo",
    "momo_step",
}


def signature(groups: list[Group]) -> Any:
    """Equal for groups whose plan is the same."""
    return [
        (
            len(group["params"]),
            float(group.get("momentum") or 0) > 0,
            {k: v for k, v in group.items() if k not in _LIVE and k not in ("momentum", "betas")},
            group.get("betas", (0, 0))[1],
        )
        for group in groups
    ]


@dataclass(frozen=True)
class Plan:
    text: str
    sides: list[tuple[int, str]]  # of each of the engine's groups: param group and role
    names: list[str]  # of the parameters
    side_of: list[int]  # of each parameter
    state: list[list[str]]  # names of each parameter's state tensors
    leaves: list[list[int]]  # of each parameter
    leaf_count: int
    recipe: dict[str, Any]
    table: str

    def rates(self, groups: list[Group]) -> tuple[list[float], list[float], list[float]]:
        """Learning rate, weight decay and momentum of each of the engine's groups, now."""
        lrs, decays, momenta = [], [], []
        for index, role in self.sides:
            group = groups[index]
            mixed = role == "backup" and group["role"] is None
            ratio = group["backup_lr_ratio"] if mixed else group["lr_ratio"]
            own = group["backup_weight_decay"] if mixed else None
            lrs.append(float(group["lr"]) * ratio)
            decays.append(float(group["weight_decay"] if own is None else own))
            momenta.append(_options.side_momentum(group, role))
        return lrs, decays, momenta

    def check_rates(self, groups: list[Group]) -> None:
        """ValueError where a rate is negative or not finite; each step looks again."""
        lrs, decays, _ = self.rates(groups)
        for (index, _), lr, decay in zip(self.sides, lrs, decays):
            _options.check_number(f"param_groups[{index}]: lr", lr, 0)
            _options.check_number(f"param_groups[{index}]: weight_decay", decay, 0)


def role_of(group: Group, index: int, param: Tensor) -> str:
    if group["role"] is not None:
        return group["role"]
    if group["roles"] is not None and index < len(group["roles"]):
        return group["roles"][index]
    return "matrix" if param.dim() == 2 else "backup"


def make_plan(name: str, groups: list[Group]) -> Plan:
    """Raises ValueError naming the group or the parameter that does not fit."""
    sides: list[tuple[int, str]] = []
    engine_groups, params = [], []
    for number, group in enumerate(groups):
        for index, param in enumerate(group["params"]):
            role = role_of(group, index, param)
            if role not in ("matrix", "backup"):
                raise ValueError(
                    f'param_groups[{number}]: role: received "{role}", allowed matrix, backup'
                )
            if (number, role) not in sides:
                sides.append((number, role))
                options = _options.side_options(group, role)
                engine_groups.append({"role": role, "options": options})
            names = group.get("param_names")
            params.append(
                {
                    "name": names[index] if names else f"{number}.{index}",
                    "shape": list(param.shape),
                    "group": sides.index((number, role)),
                    **_options.view_of(group, index),
                }
            )
    network = _options.network_options(groups)
    if not params:
        engine_groups = [{"role": "matrix", "options": _options.side_options(groups[0], "matrix")}]
    text = json.dumps({"name": name, "network": network, "groups": engine_groups, "params": params})
    layout = json.loads(ops.layout(text))
    return Plan(
        text=text,
        sides=sides,
        names=[p["name"] for p in params],
        side_of=[p["group"] for p in params],
        state=layout["state"],
        leaves=layout["leaves"],
        leaf_count=layout["leaf_count"],
        recipe=layout["recipe"],
        table=layout["table"],
    )
