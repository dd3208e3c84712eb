# SPDX-License-Identifier: Apache-2.0
"""The keyword options of the named optimizers, for type checkers."""

from __future__ import annotations

from typing import Any

import torch
from typing_extensions import TypedDict


class Common(TypedDict, total=False):
    """What every named optimizer accepts by keyword; see :class:`steepest.SteepestDescent`."""

    norm: str
    backup: str
    backup_lr: float
    outer: str
    update: str
    step_size: str
    f_star: float | str
    duals: str
    directions: str
    momo_model: str
    backup_blocks: str
    backup_radius: str | float
    momentum_form: str
    start: str
    momentum_place: str
    error_feedback: bool
    backup_betas: tuple[float, float] | None
    backup_eps: float
    bias_correction: bool
    decoupled_weight_decay: bool
    polar_steps: int | None
    polar_dtype: torch.dtype | str | None
    polar_coefficients: list[float] | None
    polar_tol: float | None
    svd: str
    svd_tol: float
    svd_passes: int | None
    momentum_dtype: torch.dtype | str | None
    nonfinite: str
    maximize: bool
    foreach: bool | None
    capturable: bool
    differentiable: bool
    fused: bool | None
    process_group: Any


class Options(Common, total=False):
    """And what those accept that keep none of it under torch's names and places."""

    radius: str | float
    momentum: float
    nesterov: bool
    dampening: float
    weight_decay: float
    backup_weight_decay: float | None
    polar: str
