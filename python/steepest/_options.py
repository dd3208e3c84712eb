# SPDX-License-Identifier: Apache-2.0
"""From parameter groups, which hold plain values, to the plan that the engine reads."""

from __future__ import annotations

import functools
import json
from typing import Any

import torch

from steepest import _table
from steepest._library import ops
from steepest._numbers import number, read_rate
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
    "backup_lr_ratio": None,  # of a group of both roles: see _rates
    "role": None,
    "roles": None,  # of each parameter, where they have names but the group has no role
    "layouts": None,  # of each parameter, likewise
    "view": "flatten",
    "transposed": False,
    "split_sizes": None,
    "num_heads": None,
    "split_dim": 0,
    # Momo's running model: 0-dim step count; float64 [loss average, weight, f_star, those of auto].
    "momo_step": None,
    "momo": None,
}


@functools.cache
def _row_json(name: str, options: str) -> str:
    """What :func:`row` returns, as JSON, from its options as JSON; kept for the next call."""
    return str(ops.row(name, options))


def row(name: str, **options: object) -> dict[str, Any]:
    """The engine's catalog row of that name, overridden by ``options``: all of its choices.

    Those of the network stand beside "matrix" and "backup", dicts of the choices of either role.
    Raises ValueError for an unknown name.
    """
    choices: dict[str, Any] = json.loads(_row_json(name, json.dumps(options)))
    return choices


def _backup_betas(backup: dict[str, Any], matrix: dict[str, Any]) -> tuple[float, float] | None:
    """The option backup_betas of a row, (momentum, beta2) of what is no matrix.

    ``backup`` and ``matrix`` are the row's choices of either. None where the momentum is the
    matrices' and beta2 the default, so that the option need not be set.
    """
    same = all(matrix[key] == backup[key] for key in _table.MOMENTUM)
    plain = backup["beta2"] == OPTIONS["beta2"].default
    return None if same and plain else (backup["momentum"], backup["beta2"])


def group_of_row(name: str) -> Group:
    """The choices of the catalog row ``name`` under the keys of a parameter group.

    The backup's are under the keys that begin with "backup_", and ``backup_lr`` is among them.
    """
    chosen = row(name)
    matrix, backup = chosen["matrix"], chosen["backup"]
    group = {key: chosen[key] for key in _table.NETWORK} | {"recipe": name}
    of_matrix = (key for key in _table.SIDES if OPTIONS[key].initial is not None)
    of_backup = (key for key in _table.BACKUP if OPTIONS[key].initial is not None)
    group |= {key: matrix[key] for key in (*of_matrix, "lr", "weight_decay")}
    group |= {key: backup[OPTIONS[key].side] for key in of_backup}
    return group | {
        "backup_lr": backup["lr"],
        "backup_weight_decay": backup["weight_decay"],
        "backup_betas": _backup_betas(backup, matrix),
        "bias_correction": backup["start"] == "corrected",
    }


def dtype_name(dtype: torch.dtype | str | None) -> str | None:
    """A dtype as the engine reads it: "float32" for torch.float32 or that text; None for None."""
    return None if dtype is None else str(dtype).removeprefix("torch.")


def check_number(name: str, value: object, low: float, high: float | None = None) -> None:
    """Raises ValueError, naming the option, unless low <= value (and value < high, if given)."""
    x = number(name, value)
    if x < low or (high is not None and x >= high):
        allowed = (
            f"a finite number from {low:g} up" if high is None else f"{low:g} to below {high:g}"
        )
        raise ValueError(f"{name}: received {x:g}, allowed {allowed}")


def _second_moment_options(group: Group, role: str) -> Group:
    """beta2 and eps, as the engine is told them for the parameters of ``role`` in a group.

    Matrices in an adaptive norm share backup_betas and backup_eps with the backup, unless beta2 and
    eps say otherwise; None leaves a number to the engine.
    """
    betas, backup = group["backup_betas"], role == "backup"
    if not backup and "ada_" not in group["norm"]:
        return {"beta2": group["beta2"], "eps": group["eps"]}
    beta2 = betas[1] if betas else OPTIONS["beta2"].default
    eps = group["backup_eps"] if backup or group["eps"] is None else group["eps"]
    return {"beta2": beta2 if group["beta2"] is None else group["beta2"], "eps": eps}


def _backup_momentum(group: Group) -> Group:
    """The engine's options of the momentum of a group's non-matrix parameters.

    The matrices' own, or an EMA of factor backup_betas[0] where that is set; with bias_correction
    it starts corrected.
    """
    betas, options = group["backup_betas"], {key: group[key] for key in _table.MOMENTUM}
    if group["step_size"] == "momo":  # one momentum map for all blocks
        return options
    if betas is not None:
        options = {key: OPTIONS[key].default for key in _table.MOMENTUM} | {"momentum": betas[0]}
    return options | ({"start": "corrected"} if group["bias_correction"] else {})


def check_momo(group: Group) -> None:
    """Raises ValueError where a group of Momo's maximizes, or has two momenta.

    Two may not be given; schedulers, which write only one of the keys, may move them apart later.
    """
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
    """The engine's options of the matrices in a group with SteepestDescent's keys."""
    return {key: group[key] for key in _table.SIDES} | _second_moment_options(group, "matrix")


def _backup_options(group: Group) -> Group:
    """The engine's options of the non-matrix parameters in a group with SteepestDescent's keys.

    A key ``backup_*`` that is set overrides the group's shared option.
    """
    options = {key: group[key] for key in _table.of_scope("both")}
    options |= _backup_momentum(group) | _second_moment_options(group, "backup")
    return options | {
        OPTIONS[key].side: group[key] for key in _table.BACKUP if group[key] is not None
    }


def side_momentum(group: Group, role: str) -> float:
    """The momentum, as it is at this step, of a group's parameters of ``role``.

    The group has SteepestDescent's keys. The number is that of :func:`side_options`, without the
    time that all the options take.
    """
    betas, backup_momentum = group["backup_betas"], group["backup_momentum"]
    if role == "backup" and backup_momentum is not None:
        return read_rate("backup_momentum", backup_momentum)
    shared = role == "matrix" or betas is None or group["step_size"] == "momo"
    return read_rate("momentum", group["momentum"] if shared else betas[0])


def side_options(group: Group, role: str) -> Group:
    """Returns the engine's options, in JSON's types, of one side of a parameter group.

    A side is a group's parameters of one ``role``: its matrices ("matrix") or its others
    ("backup"). The group has SteepestDescent's keys; options that are None are left out, and the
    engine chooses them.
    """
    options = _matrix_options(group) if role == "matrix" else _backup_options(group)
    for key in options:
        if OPTIONS[key].is_dtype:
            options[key] = dtype_name(options[key])
        elif key in _table.EITHER and not isinstance(options[key], str):
            options[key] = repr(float(number(key, options[key])))
    return {key: value for key, value in options.items() if value is not None}


def _without_those_of(row_options: Group, options: Group) -> Group:
    """The ``options`` that ``row_options`` lacks or has with another value."""
    return {k: v for k, v in options.items() if k not in row_options or v != row_options[k]}


def side_overrides(group: Group, role: str) -> Group:
    """Returns those options of a group's parameters of ``role`` that differ from its catalog row.

    The plan names the row (group["recipe"]) and gives only what overrides it. ``role`` is "matrix"
    or "backup"; the options are those of :func:`side_options`, compared with the row's for the same
    role. All are returned where the recipe is no row of the catalog.
    """
    name = group["recipe"]
    row_options = {} if name == SPELT_OUT else _side_options_of_row(name, role)
    return _without_those_of(row_options, side_options(group, role))


@functools.cache
def _side_options_of_row(name: str, role: str) -> Group:
    """What :func:`side_options` returns for a group with the choices of catalog row ``name`` alone.

    The result is kept for the next call: do not change it.
    """
    return side_options(PLAIN | group_of_row(name), role)


def network_overrides(groups: list[Group]) -> Group:
    """The options of :func:`network_options` that differ from those of the recipe's catalog row.

    All are returned where the recipe is no row of the catalog.
    """
    options, name = network_options(groups), groups[0]["recipe"]
    if name == SPELT_OUT:
        return options
    return _without_those_of(network_options([PLAIN | group_of_row(name)]), options)


def network_options(groups: list[Group]) -> Group:
    """Returns the engine's options of the whole network, which every group holds.

    f_star "auto" becomes 0 with f_star_rule "level". Raises ValueError where the groups differ in
    an option, or f_star is another text.
    """
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
        return options | {"f_star": 0.0, "f_star_rule": "level"}
    return options | {"f_star": float(f_star)}


def view_of(group: Group, index: int) -> Group:
    """The layout of the group's parameter number ``index``, in the keys that the engine reads.

    What group["layouts"] says of this parameter goes before the group's own layout keys.
    """
    layouts = group["layouts"]
    layout = layouts[index] if layouts and index < len(layouts) else {}
    view = {key: layout.get(key, group[key]) for key in LAYOUT}
    view = {key: value for key, value in view.items() if value is not None}
    if (sizes := view.get("split_sizes")) is not None:
        view["split_sizes"] = list(sizes)
    return view
