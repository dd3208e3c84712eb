# SPDX-License-Identifier: Apache-2.0
"""Steps along a few directions of a matrix: the k-rank update, Dion, Dion2 and COSMOS."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import NormConstructor, RankConstructor
from steepest._numbers import count, number
from steepest._typing import Options


class KRank(RankConstructor):
    r"""The k-rank update: :math:`W \leftarrow W - \eta\sum_{i \le k} \sigma_i u_i v_i^T`.

    The best approximation of rank k of the momentum, steepest in the k-support norm, from "Neon:
    Nuclear Norm to Beat Muon". ``rank`` is 5 by default; :class:`Neon` with a rank moves by the sum
    of the values along all k instead. The row (regularized, l2, k_support(k), ada_2). When not: on
    flat spectra, of which a few triplets hold little.
    """

    _recipe = "k-rank"

    # Takes what SteepestDescent takes, and ``rank``, the number k of singular triplets in the norm
    # (None: as in the catalog row that the class names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 0.3,
        *,
        rank: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._build_ranked(params, lr, rank, options)


class Dion(NormConstructor):
    r"""Dion (arXiv 2504.05295): one power iteration a step, and error feedback.

    .. math:: B = m + g, \quad P = \mathrm{qr}(B Q), \quad R = B^T P, \quad
              m \leftarrow B - (1 - \mu) P R^T, \quad Q = R / |R|_{\mathrm{col}}, \quad
              W \leftarrow W - \eta \sqrt{r / c}\,P Q^T

    ``momentum`` is :math:`\mu`, both the momentum's decay and the feedback. ``rank_fraction`` is
    the rank as a part of the shorter side, 1 by default; 0.25 is usual. The row (constrained, max,
    dion, ada_inf) with error feedback. When not: with Momo, whose model needs a mean of the
    gradients; on one device, where :class:`Muon`'s steps cost little.
    """

    _recipe = "dion"

    # Takes what SteepestDescent takes, and ``rank_fraction`` (None: as in the catalog row that the
    # class names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 0.03,
        *,
        rank_fraction: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._build_norm(params, lr, {"rank_fraction": (number, rank_fraction)}, options)


class Dion2(NormConstructor):
    r"""Dion2 (arXiv 2512.16928): Muon on the rows of largest :math:`L_1` norm, the others wait.

    .. math:: B = m + g, \quad W_S \leftarrow W_S - \eta \sqrt{r / c}\,\mathrm{polar}(B_S), \quad
              m_S = \mu B_S

    for the rows S, or the columns of a tall matrix. ``fraction`` is how much of the shorter side a
    step takes, 0.25 by default; ``momentum`` is :math:`\mu`. The row (constrained, max, dion2,
    ada_inf) with error feedback. When not: with Momo, whose model needs a mean of the gradients.
    """

    _recipe = "dion2"

    # Takes what SteepestDescent takes, and ``fraction`` (None: as in the catalog row that the class
    # names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 0.03,
        *,
        fraction: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._build_norm(params, lr, {"fraction": (number, fraction)}, options)


class COSMOS(NormConstructor):
    r"""COSMOS (arXiv 2502.17410): Adam in the gradients' leading directions, Muon in the rest.

    .. math:: T = [m U / (\sqrt v + \epsilon)]\,U^T + \gamma\,\mathrm{polar}(m - m U U^T), \quad
              W \leftarrow W - \eta\,\rho \sqrt{r c}\,T / |T|_F

    with the ``rank`` leading right directions U [c, rank] of the gradients, 64 by default,
    ``gamma`` 0.2, and the authors' lr_ratio :math:`\rho` as ``radius="0.1"``. The row (constrained,
    max, cosmos, ada_inf). When not: where matrices have no more than ``rank`` columns: it is
    :class:`SOAP` on one side there.
    """

    _recipe = "cosmos"

    # Takes what SteepestDescent takes, and ``rank`` and ``gamma`` (None: as in the catalog row that
    # the class names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 0.03,
        *,
        rank: int | None = None,
        gamma: float | None = None,
        **options: Unpack[Options],
    ) -> None:
        arguments = {"rank": (count, rank), "gamma": (number, gamma)}
        self._build_norm(params, lr, arguments, options)
