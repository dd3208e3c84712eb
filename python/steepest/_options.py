# SPDX-License-Identifier: Apache-2.0
"""From parameter groups, which hold plain values, to the plan that the engine reads."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch

from steepest import _table
from steepest._library import ops
from steepest._numbers import clean, now, number, read
from steepest._table import OPTIONS

Group = dict[str, Any]

# The recipe of an optimizer whose choices are all spelt out: no row of the catalog.
SPELT_OUT = "SteepestDescent"
# Choices of the whole network: kept in every group, equal in all.
NETWORK = (*_table.NETWORK, "recipe")
_TORCHS = ("eps", "amsgrad", "ns_coefficients", "ns_steps", "adjust_lr_fn")  # in its own classes
# What the plan is made of. The momentum is read at every step, as schedulers cycle it.
OF_PLAN = tuple(
    key
    for key in (*NETWORK, *_table.SIDES, *_table.BACKUP, *_table.ADAPTERS, *_TORCHS)
    if key != "momentum"
)
LAYOUT = ("view", "transposed", "split_sizes", "num_heads", "split_dim")

# What a group has where nothing is said.
PLAIN: Group = {
    **{key: OPTIONS[key].initial for key in (*_table.NETWORK, *_table.SIDES, *_table.BACKUP)},
    **_table.ADAPTERS,
    **_table.FLAGS,
    "lr_ratio": 1.0,
    "role": None,
    "roles": None,  # of each parameter, where they have names but the group has no role
    "layouts": None,  # of each parameter, likewise
    "view": "flatten",
    "transposed": False,
    "split_sizes": None,
    "num_heads": None,
    "split_dim": 0,
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
    same = all(matrix[key] == backup[key] for key in _table.MOMENTUM)
    plain = backup["beta2"] == OPTIONS["beta2"].default
    return None if same and plain else (backup["momentum"], backup["beta2"])


def group_of_row(name: str) -> Group:
    """The row's choices as a parameter group holds them, with ``backup_lr``."""
    chosen = row(name)
    matrix, backup = chosen["matrix"], chosen["backup"]
    group = {key: chosen[key] for key in _table.NETWORK} | {"recipe": name}
    own = (key for key in _table.SIDES if OPTIONS[key].initial is not None)
    shown = (key for key in _table.BACKUP if OPTIONS[key].initial is not None)
    group |= {key: matrix[key] for key in (*own, "lr", "weight_decay")}
    group |= {key: backup[OPTIONS[key].side] for key in shown}
    return group | {
        "backup_lr": backup["lr"],
        "backup_weight_decay": backup["weight_decay"],
        "backup_betas": _backup_betas(backup, matrix),
        "bias_correction": backup["start"] == "corrected",
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


def _adaptive(group: Group, role: str) -> Group:
    """Of the norms that keep a second moment. backup_betas and backup_eps serve both roles."""
    betas, backup = group["backup_betas"], role == "backup"
    if not backup and "ada_" not in group["norm"]:
        return {"beta2": group["beta2"], "eps": group["eps"]}
    beta2 = betas[1] if betas else OPTIONS["beta2"].default
    eps = group["backup_eps"] if backup or group["eps"] is None else group["eps"]
    return {"beta2": beta2 if group["beta2"] is None else group["beta2"], "eps": eps}


def _backup_momentum(group: Group) -> Group:
    betas, own = group["backup_betas"], {key: group[key] for key in _table.MOMENTUM}
    if group["step_size"] == "momo":  # one momentum map for all blocks
        return own
    if betas is not None:
        own = {key: OPTIONS[key].default for key in _table.MOMENTUM} | {"momentum": betas[0]}
    return own | ({"start": "corrected"} if group["bias_correction"] else {})


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


def _matrix_options(group: Group) -> Group:
    return {key: group[key] for key in _table.SIDES} | _adaptive(group, "matrix")


def _backup_options(group: Group) -> Group:
    """The engine's options of a canonical group's non-matrix parameters.

    A key ``backup_*`` that is set overrides the group's shared option.
    """
    options = {key: group[key] for key in _table.of_scope("both")}
    options |= _backup_momentum(group) | _adaptive(group, "backup")
    own = {OPTIONS[key].side: group[key] for key in _table.BACKUP if group[key] is not None}
    return options | own


def side_momentum(group: Group, role: str) -> float:
    """What :func:`side_options` says of the momentum alone."""
    betas, own = group["backup_betas"], group["backup_momentum"]
    if role == "backup" and own is not None:
        return now("backup_momentum", own)
    shared = role == "matrix" or betas is None or group["step_size"] == "momo"
    return now("momentum", group["momentum"] if shared else betas[0])


def side_options(group: Group, role: str) -> Group:
    """The engine's options of the parameters of ``role`` in a canonical group."""
    options = _matrix_options(group) if role == "matrix" else _backup_options(group)
    for key in options:
        if OPTIONS[key].is_dtype:
            options[key] = dtype_name(options[key])
        elif key in _table.EITHER and not isinstance(options[key], str):
            options[key] = repr(float(number(key, options[key])))
    return {key: value for key, value in options.items() if value is not None}


def _beside(options: Group, row_options: Group) -> Group:
    return {k: v for k, v in options.items() if k not in row_options or v != row_options[k]}


def said(group: Group, role: str) -> Group:
    """The same, without what the recipe's row says anyway."""
    name = group["recipe"]
    return _beside(side_options(group, role), {} if name == SPELT_OUT else _of_row(name, role))


@functools.cache
def _of_row(name: str, role: str) -> Group:
    return side_options(PLAIN | group_of_row(name), role)


def said_of_network(groups: list[Group]) -> Group:
    """What the groups say of the whole network beside the recipe's row."""
    options, name = network_options(groups), groups[0]["recipe"]
    if name == SPELT_OUT:
        return options
    return _beside(options, network_options([PLAIN | group_of_row(name)]))


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
    options = {key: first[key] for key in _table.NETWORK}
    f_star = options["f_star"]
    if isinstance(f_star, str):
        if f_star != "auto":
            raise ValueError(f'f_star: received "{f_star}", allowed a number or "auto"')
        return options | {"f_star": 0.0, "f_star_auto": True}
    return options | {"f_star": float(f_star)}


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


def refuse_unknown(name: str, options: Group, known: set[str]) -> None:
    """TypeError for the first option that is none."""
    unknown = [key for key in options if key not in known]
    if unknown:
        raise TypeError(f"{name}: got an unexpected option '{unknown[0]}'")


def serve_both(options: Group, own: tuple[str, ...]) -> Group:
    """Where eps is an option of the engine's, rather than torch's, it is the backup's as well."""
    if options.get("eps") is not None and "eps" not in own:
        options.setdefault("backup_eps", options["eps"])
    return options


def with_row(name: str, own: tuple[str, ...], lr: float | torch.Tensor, options: Group) -> Group:
    """A catalog row with what the caller has chosen otherwise; TypeError for an unknown option."""
    options, lr = serve_both(clean(options), own), read("lr", lr)
    check_lr(lr)
    momo = "-momo" if options.get("step_size") == "momo" else ""
    group = group_of_row(name + momo)
    refuse_unknown(name, options, {*group, *PLAIN, *own})
    group["backup_lr"] = now("lr", lr) * (group["backup_lr"] / group["lr"] if group["lr"] else 1.0)
    if "weight_decay" in options:
        group["backup_weight_decay"] = None
    if momo and group["backup_betas"] and "momentum" in options:
        group["backup_betas"] = (options["momentum"], group["backup_betas"][1])
    return {**group, **options, "lr": lr}


def spelt_out(lr: float | torch.Tensor, options: Group) -> Group:
    """The same of an optimizer whose choices are all spelt out."""
    initial = _table.signature()
    refuse_unknown(SPELT_OUT, options, set(initial))
    return {**initial, **serve_both(clean(options), ()), "lr": lr, "recipe": SPELT_OUT}
