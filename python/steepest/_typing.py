# SPDX-License-Identifier: Apache-2.0
"""The optimizers' keyword options, for type checkers; scripts/python_options.py writes them."""

from __future__ import annotations

from typing import Any

import torch
from typing_extensions import TypedDict


class Common(TypedDict, total=False):
    """What every named optimizer accepts by keyword; see :class:`steepest.SteepestDescent`."""

    norm: str
    momentum_form: str
    nesterov_momentum: float | None
    start: str
    momentum_place: str
    error_feedback: bool
    rescale: str
    geometry: str
    momentum_dtype: torch.dtype | str | None
    beta2: float | None
    decoupled_weight_decay: bool
    decay: str
    polar_coefficients: list[float] | None
    polar_steps: int | None
    polar_dtype: torch.dtype | str | None
    polar_tol: float | None
    polar_low: float | None
    polar_restarts: list[int] | None
    svd: str
    svd_tol: float
    svd_stop: str
    svd_passes: int | None
    svd_max_passes: int
    svd_dtype: torch.dtype | str | None
    svd_exact_small: bool
    foreach: bool | None
    outer: str
    update: str
    step_size: str
    f_star: float | str
    f_star_rule: str
    lr_auto: bool
    duals: str
    directions: str
    backup_blocks: str
    momo_model: str
    nonfinite: str
    backup: str
    backup_lr: float | None
    backup_momentum: float | None
    backup_nesterov: bool | None
    backup_start: str | None
    backup_beta2: float | None
    backup_eps: float
    backup_radius: str | float
    backup_betas: tuple[float, float] | None
    bias_correction: bool
    maximize: bool
    capturable: bool
    differentiable: bool
    fused: bool | None
    process_group: Any
    wire: torch.dtype | str | None


class Options(Common, total=False):
    """And what those accept that keep none of it under torch's names and places."""

    momentum: float
    nesterov: bool
    dampening: float
    eps: float | None
    weight_decay: float
    radius: str | float
    polar: str
    backup_weight_decay: float | None
