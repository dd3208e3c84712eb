# SPDX-License-Identifier: Apache-2.0
"""From parameter groups, which hold plain values, to the plan that the engine reads."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch

from steepest._library import ops
from steepest._numbers import clean, now, number, read

Group = dict[str, Any]

# Choices of the whole network: kept in every group, equal in all.
NETWORK = (
    "outer",
    "update",
    "step_size",
    "f_star",
    "duals",
    "directions",
    "momo_model",
    "backup_blocks",
    "nonfinite",
    "recipe",
)
# What both sides of a group share, under the engine's names.
_SHARED = (
    "decoupled_weight_decay",
    "polar",
    "polar_steps",
    "polar_dtype",
    "polar_tol",
    "polar_coefficients",
    "svd",
    "svd_tol",
    "svd_passes",
    "momentum_dtype",
    "foreach",
)
_MOMENTUM = ("momentum", "momentum_form", "nesterov", "dampening", "start")
_OF_MATRICES = ("momentum_place", "error_feedback", "norm", "radius")
_OF_BACKUP = ("backup", "backup_radius", "backup_betas", "backup_eps", "bias_correction")
_TORCHS = ("eps", "amsgrad", "ns_coefficients", "ns_steps", "adjust_lr_fn")  # in its own classes
OF_PLAN = (*NETWORK, *_SHARED, *_MOMENTUM[1:], *_OF_MATRICES, *_OF_BACKUP, *_TORCHS)
LAYOUT = ("view", "transposed", "split_sizes", "num_heads", "split_dim")

# What a group has beside its row's choices.
PLAIN: Group = {
    "lr_ratio": 1.0,
    "role": None,
    "roles": None,  # of each parameter, where they have names but the group has no role
    "layouts": None,  # of each parameter, likewise
    "view": "flatten",
    "transposed": False,
    "split_sizes": None,
    "num_heads": None,
    "split_dim": 0,
    "maximize": False,
    "foreach": None,
    "capturable": False,
    "differentiable": False,
    "fused": None,
    "polar_coefficients": None,
    "polar_tol": None,
    "error_feedback": False,
    # Momo's running model: 0-dim step count; float64 [loss average, weight, f_star].
    "momo_step": None,
    "momo": None,
}


@functools.cache
def _row(name: str, options: str) -> str:
    return ops.row(name, options)


def row(name: str, **options: object) -> dict[str, Any]:
    """A catalog row of the engine, as it prints it."""
    return json.loads(_row(name, json.dumps(options)))


def _backup_betas(backup: dict[str, Any], matrix: dict[str, Any]) -> tuple[float, float] | None:
    same = all(matrix[key] == backup[key] for key in _MOMENTUM)
    return None if same and backup["beta2"] == 0.95 else (backup["momentum"], backup["beta2"])


def group_of_row(name: str) -> Group:
    """The row's choices as a parameter group holds them, with ``backup_lr``."""
    chosen = row(name)
    matrix, backup = chosen["matrix"], chosen["backup"]
    group = {key: chosen[key] for key in NETWORK if key != "recipe"} | {"recipe": name}
    if chosen["f_star_auto"]:
        group["f_star"] = "auto"
    group |= {key: matrix[key] for key in (*_MOMENTUM, *_OF_MATRICES, "lr")}
    group |= {key: matrix.get(key) for key in _SHARED}
    return group | {
        "backup": backup["norm"],
        "backup_lr": backup["lr"],
        "backup_radius": backup["radius"],
        "backup_betas": _backup_betas(backup, matrix),
        "backup_eps": backup["eps"],
        "bias_correction": backup["start"] == "corrected",
        "weight_decay": matrix["weight_decay"],
        "backup_weight_decay": backup["weight_decay"],
        "polar_steps": matrix["polar_steps"] if matrix["polar"] != "polar_express" else None,
        "svd_passes": matrix["svd_passes"] or None,
        "polar_coefficients": None,
        "polar_tol": None,
        "foreach": None,
    }


def dtype_name(dtype: torch.dtype | str | None) -> str | None:
    return None if dtype is None else str(dtype).removeprefix("torch.")


def check_number(name: str, value: object, low: float, high: float | None = None) -> None:
    """ValueError unless low <= value, and value < high where that is given."""
    found = number(name, value)
    if found < low or (high is not None and found >= high):
        allowed = (
            f"a finite number from {low:g} up" if high is None else f"{low:g} to below {high:g}"
        )
        raise ValueError(f"{name}: received {found:g}, allowed {allowed}")


def _matrix_options(group: Group) -> Group:
    betas = group["backup_betas"]
    options = {key: group[key] for key in (*_MOMENTUM, *_SHARED, *_OF_MATRICES)}
    if "ada_" not in group["norm"]:
        return options
    return options | {"beta2": betas[1] if betas else 0.95, "eps": group["backup_eps"]}


def _backup_momentum(group: Group) -> Group:
    betas = group["backup_betas"]
    if betas is None:
        own = {key: group[key] for key in _MOMENTUM}
        return own | ({"start": "corrected"} if group["bias_correction"] else {})
    if group["step_size"] == "momo":  # one momentum map for all blocks
        return {key: group[key] for key in _MOMENTUM}
    start = "corrected" if group["bias_correction"] else "first"
    return {
        "momentum": betas[0],
        "momentum_form": "ema",
        "nesterov": False,
        "dampening": 0.0,
        "start": start,
    }


def check_momo(group: Group) -> None:
    """ValueError where Momo is given two momenta (schedulers may move one later), or ascends."""
    if group.get("step_size") != "momo":
        return
    if group.get("maximize"):
        raise ValueError(
            "maximize: received True with step_size momo, allowed False: f* bounds below"
        )
    betas = group.get("backup_betas")
    if betas and "momentum" in group and betas[0] != group["momentum"]:
        raise ValueError(
            f"backup_betas: received {tuple(betas)} with step_size momo and momentum "
            f"{group['momentum']}, allowed the same first number: all blocks share one momentum"
        )


def _backup_options(group: Group) -> Group:
    betas = group["backup_betas"]
    options = {key: group[key] for key in _SHARED} | _backup_momentum(group)
    return options | {
        "norm": group["backup"],
        "radius": group["backup_radius"],
        "beta2": betas[1] if betas else 0.95,
        "eps": group["backup_eps"],
    }


def side_momentum(group: Group, role: str) -> float:
    """What :func:`side_options` says of the momentum alone."""
    betas = group["backup_betas"]
    shared = role == "matrix" or betas is None or group["step_size"] == "momo"
    return now("momentum", group["momentum"] if shared else betas[0])


def side_options(group: Group, role: str) -> Group:
    """The engine's options of the parameters of ``role`` in a canonical group."""
    options = _matrix_options(group) if role == "matrix" else _backup_options(group)
    for key in ("polar_dtype", "momentum_dtype"):
        options[key] = dtype_name(options[key])
    if not isinstance(options["radius"], str):
        options["radius"] = repr(float(number("radius", options["radius"])))
    return {key: value for key, value in options.items() if value is not None}


def network_options(groups: list[Group]) -> Group:
    """The choices of the whole network; ValueError where groups differ."""
    first = groups[0]
    for index, group in enumerate(groups):
        for key in NETWORK:
            if group[key] != first[key]:
                raise ValueError(
                    f"param_groups[{index}]: {key}: received {group[key]!r}, allowed "
                    f"{first[key]!r} as in param_groups[0]: it is a choice of the whole network"
                )
    options = {key: first[key] for key in NETWORK if key != "recipe"}
    f_star = options.pop("f_star")
    if isinstance(f_star, str):
        if f_star != "auto":
            raise ValueError(f'f_star: received "{f_star}", allowed a number or "auto"')
        return options | {"f_star": 0.0, "f_star_auto": True}
    return options | {"f_star": float(f_star), "f_star_auto": False}


def view_of(group: Group, index: int) -> Group:
    """The layout of a group's parameter, as the engine reads it."""
    layouts = group["layouts"]
    own = layouts[index] if layouts and index < len(layouts) else {}
    found = {key: own.get(key, group[key]) for key in LAYOUT}
    view = {key: value for key, value in found.items() if value is not None}
    if "split_sizes" in view:
        view["split_sizes"] = list(view["split_sizes"])
    return view


_UNSUPPORTED = {
    "fused": "there is no fused kernel; leave it out: same-shape matrices already go in one call",
    "differentiable": "a step works in place; steepest.steepest is the function alone",
    "capturable": "learning rates are read on the host",
}


def check_supported(name: str, options: Group) -> None:
    """RuntimeError, as torch raises it, for what no class has."""
    for key, why in _UNSUPPORTED.items():
        if options.get(key):
            raise RuntimeError(f"{name}: `{key}=True` is not supported: {why}")


def check_lr(lr: float | torch.Tensor) -> None:
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    check_number("lr", lr, 0)


def ratio(lr: float | torch.Tensor, backup_lr: float | None) -> float:
    """Of the backup's rate to the matrices'."""
    if backup_lr is None:
        return 1.0
    check_number("backup_lr", backup_lr, 0)
    rate = now("lr", lr)
    return number("backup_lr", backup_lr) / rate if rate > 0 else 1.0


def with_row(name: str, own: tuple[str, ...], lr: float | torch.Tensor, options: Group) -> Group:
    """A catalog row with what the caller has chosen otherwise; TypeError for an unknown option."""
    options, lr = clean(options), read("lr", lr)
    check_lr(lr)
    momo = "-momo" if options.get("step_size") == "momo" else ""
    group = group_of_row(name + momo)
    known = {*group, *PLAIN, *own}
    unknown = [key for key in options if key not in known]
    if unknown:
        raise TypeError(f"{name}: got an unexpected option '{unknown[0]}'")
    group["backup_lr"] = now("lr", lr) * (group["backup_lr"] / group["lr"] if group["lr"] else 1.0)
    if "weight_decay" in options:
        group["backup_weight_decay"] = None
    if momo and group["backup_betas"] and "momentum" in options:
        group["backup_betas"] = (options["momentum"], group["backup_betas"][1])
    return {**group, **options, "lr": lr}
