# SPDX-License-Identifier: Apache-2.0
"""The optimizers that torch has too, with its signatures, its state and its numbers."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest import _options, _params
from steepest._face import Face
from steepest._numbers import flag
from steepest._options import Group
from steepest._say import warn
from steepest._typing import Common

_JORDAN = (3.4445, -4.7750, 2.0315)
_JORDAN_STEPS = 5


def _torchs_lr() -> float:
    """torch.optim.Muon's default rate, for bare tensors; warns that it is far from the row's."""
    rate, row_rate = 1e-3, _options.group_of_row("muon")["lr"]
    warn(
        f"Muon: lr: received none for bare tensors, and so torch's {rate:g}, with which matrices "
        f"hardly move: Muon(model) takes {row_rate:g} for them"
    )
    return rate


class Muon(Face):
    r"""Muon, with the signature and the numbers of ``torch.optim.Muon``.

    .. math::
        B \leftarrow \mathrm{lerp}(B, g, 1 - \mu), \quad
        W \leftarrow (1 - \eta\lambda) W
            - \eta \sqrt{\max(1, \mathrm{out}/\mathrm{in})}\,\mathrm{NS}_5(\mathrm{lerp}(g, B, \mu))

    "Muon: An optimizer for hidden layers in neural networks" (Jordan et al. 2024). The row
    (constrained, max, spectral, ada_inf). What torch refuses is trained: vectors, embeddings and
    heads by AdamW(.9, .999) with ``backup_lr`` and ``backup_weight_decay``, convolutions and
    stacked matrices as :func:`steepest.route` finds them. The step does not lose small gradients:
    ``eps`` is accepted and not needed. The five steps are computed in the form and dtype that cost
    least; with ``polar="jordan"`` they are torch's, bit for bit. Without ``lr`` a module's matrices
    have 0.03; bare tensors have torch's 1e-3, which is warned of.

    When not: where every step must cost what AdamW's does, or fewer than two dimensions matter.
    """

    _recipe = "muon"
    _own = ("ns_coefficients", "eps", "ns_steps", "adjust_lr_fn")

    # Takes the arguments of torch's class of this name; the other options are SteepestDescent's.
    # ValueError for a value out of range.
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor | None = None,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        backup_weight_decay: float = 0.01,
        polar: str | None = None,
        radius: str | float | None = None,
        **options: Unpack[Common],
    ) -> None:
        _options.check_number("momentum", momentum, 0, 1)
        _options.check_number("weight_decay", weight_decay, 0)
        allowed = ("original", "match_rms_adamw", "spectral_unclamped")
        if adjust_lr_fn is not None and adjust_lr_fn not in allowed:
            raise ValueError(
                f'adjust_lr_fn: received "{adjust_lr_fn}", allowed None, {", ".join(allowed)}'
            )
        given: Group = {
            **options,
            "weight_decay": weight_decay,
            "backup_weight_decay": backup_weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
            "polar": polar,
            "radius": radius,
        }
        if lr is None:
            params = _params.listed(params)
            lr = _torchs_lr() if _params.is_bare(params) else None
        self._build_recipe(params, lr, given)

    def _canonical(self, group: Group) -> Group:
        """Returns a copy of the group under SteepestDescent's keys, of which a plan is made.

        radius stands for adjust_lr_fn there, and polar_* for ns_*. What the user says by radius or
        polar goes before torch's keys.
        """
        canonical = {**group, "eps": None}  # it keeps torch's step from 0 / 0, which cannot be here
        if canonical["radius"] is None:
            canonical["radius"] = canonical["adjust_lr_fn"] or "original"
        if canonical["polar"] not in (None, "jordan", "fast_jordan"):
            return canonical
        if tuple(canonical["ns_coefficients"]) != _JORDAN:
            canonical["polar"] = "custom"
            canonical["polar_coefficients"] = list(canonical["ns_coefficients"])
            canonical["polar_steps"] = canonical["ns_steps"]
            canonical["polar_dtype"] = canonical["polar_dtype"] or "bfloat16"  # as torch's
        elif canonical["ns_steps"] != _JORDAN_STEPS and canonical["polar_steps"] is None:
            canonical["polar"] = canonical["polar"] or "fast_jordan"
            canonical["polar_steps"] = canonical["ns_steps"]
        return canonical

    def _read_old(self, saved: Group) -> Group:
        """Returns a group that version 0.1 has saved, with the meaning that its keys have now.

        0.1 wrote polar_steps and polar_dtype always: those that mean the default become None.
        """
        # 0.1 kept the numbers of Jordan's method under these names, whatever the method.
        if saved.get("polar") is None or saved.get("polar_steps") != _JORDAN_STEPS:
            return saved
        dtype = saved.get("polar_dtype")
        dtype = None if dtype == "bfloat16" else dtype
        return {**saved, "polar_steps": None, "polar_dtype": dtype}


class _Adam(Face):
    """What Adam and AdamW share: torch's signature, and its keys betas and eps in the groups."""

    _own = ("betas", "eps", "amsgrad")

    def _build_adam(
        self,
        params: Any,
        lr: float | str | Tensor,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        options: Group,
    ) -> None:
        """Builds the optimizer from torch's arguments of Adam and ``options``, SteepestDescent's.

        Raises TypeError where these have a momentum, backup_betas or backup_eps, which betas and
        eps are here; ValueError for a number out of torch's range.
        """
        for key, own in (("momentum", "betas"), ("backup_betas", "betas"), ("backup_eps", "eps")):
            if key in options:
                raise TypeError(f"{self._recipe}: got an unexpected option '{key}': write {own}")
        _options.check_number("eps", eps, 0)
        _options.check_number("weight_decay", weight_decay, 0)
        given = {
            **options,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
        }
        self._build_recipe(params, lr, given)

    def _canonical(self, group: Group) -> Group:
        """Returns a copy of the group under SteepestDescent's keys, of which a plan is made.

        momentum, backup_betas and backup_eps stand for betas and eps there. Raises ValueError for
        amsgrad.
        """
        betas = tuple(group["betas"])
        if group["amsgrad"]:
            raise ValueError("amsgrad: received True, allowed False: it is no steepest descent")
        return {**group, "momentum": betas[0], "backup_betas": betas, "backup_eps": group["eps"]}


class AdamW(_Adam):
    r"""AdamW, with the signature, the state and the numbers of ``torch.optim.AdamW``.

    .. math:: W \leftarrow (1 - \eta\lambda) W - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)

    "Decoupled Weight Decay Regularization" (arXiv 1711.05101): steepest descent in the norm
    ada_inf of every block (arXiv 2510.09827). The row (constrained, max, ada_inf).

    When not: for its own sake torch's fused AdamW is faster; here it is one row among others.
    """

    _recipe = "adamw"

    # Takes the arguments of torch's class of this name; the other options are SteepestDescent's.
    # ValueError for a value out of range.
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        **options: Unpack[Common],
    ) -> None:
        self._build_adam(params, lr, betas, eps, weight_decay, amsgrad, dict(options))


class Adam(_Adam):
    r"""Adam, with the signature, the state and the numbers of ``torch.optim.Adam``.

    .. math:: W \leftarrow W - \eta\,\hat m / (\sqrt{\hat v} + \epsilon)

    "Adam: A Method for Stochastic Optimization" (arXiv 1412.6980). Weight decay is added to the
    gradient. The row (constrained, max, ada_inf). When not: with weight decay, where
    :class:`AdamW` is meant.
    """

    _recipe = "adam"

    # Takes the arguments of torch's class of this name; the other options are SteepestDescent's.
    # ValueError for a value out of range.
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        **options: Unpack[Common],
    ) -> None:
        self._build_adam(params, lr, betas, eps, weight_decay, amsgrad, dict(options))


class SGD(Face):
    r"""SGD, with the signature, the state and the numbers of ``torch.optim.SGD``.

    .. math:: B \leftarrow \mu B + (1 - \tau)(g + \lambda W), \quad W \leftarrow W - \eta B

    The row (regularized, l2, frobenius): steepest descent in the Euclidean norm of all weights.
    "A Stochastic Approximation Method" (Robbins and Monro 1951), Polyak's heavy ball. When not: for
    its own sake torch's is faster; here it is one row among others.
    """

    _recipe = "sgd"

    # Takes the arguments of torch's class of this name; the other options are SteepestDescent's.
    # ValueError for a value out of range.
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        **options: Unpack[Common],
    ) -> None:
        _options.check_number("momentum", momentum, 0, 1)
        _options.check_number("weight_decay", weight_decay, 0)
        nesterov = flag("nesterov", nesterov)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        given: Group = {
            **options,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
        }
        self._build_recipe(params, lr, given)
