# SPDX-License-Identifier: Apache-2.0
"""The optimizers that learn a metric of each side of a matrix: SOAP, Shampoo and their kin."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import PlainConstructor
from steepest._typing import Options


class SOAP(PlainConstructor):
    r"""SOAP (arXiv 2409.11321): Adam in the eigenbasis of Shampoo's factors.

    .. math:: W \leftarrow W - \eta\,Q_L\,[m' / (\sqrt{v'} + \epsilon)]\,Q_R^\top, \quad
              m' = Q_L^\top m\,Q_R, \quad G G^\top \sim Q_L, \quad G^\top G \sim Q_R

    A new basis every 10 steps; ``norm="soap(refresh=1)"`` changes that, ``max_dim`` leaves longer
    sides alone, ``sides=short`` the longer one, and ``backup="soap(vectors=true)"`` gives biases a
    basis too. Unlike the authors' code it takes the first step. The row (constrained, max, soap,
    ada_inf). When not: where memory is short: it keeps two squares of each side.
    """

    _recipe = "soap"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-2, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class KLSOAP(PlainConstructor):
    r"""KL-SOAP (arXiv 2509.03378): SOAP in the eigenbasis of KL-Shampoo's factors.

    .. math:: W \leftarrow W - \eta\,Q_L\,[m' / (\sqrt{v'} + \epsilon)]\,Q_R^\top, \quad
              m' = Q_L^\top m\,Q_R, \quad S_L \sim Q_L, \quad S_R \sim Q_R

    with the factors of :class:`KLShampoo`. Adam's bias corrections, which the authors' code leaves
    away, and its first step are taken. The row (constrained, max, soap(kl=true), ada_inf). When
    not: where :class:`KLShampoo`, which keeps no second moment of the entries, does as well.
    """

    _recipe = "kl-soap"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-2, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Shampoo(PlainConstructor):
    r"""Shampoo (arXiv 1802.09568): the inverse fourth roots of both sides' second moments.

    .. math:: W \leftarrow W - \eta\,L^{-1/4} M R^{-1/4}, \quad L = \mathrm{mean}\,G G^\top, \quad
              R = \mathrm{mean}\,G^\top G

    The regularized step of a quadratic norm: it divides by no dual. Of one gradient alone it is
    Muon's direction. The powers are taken every 10 steps, ``norm="shampoo(refresh=1)"`` at each;
    ``accumulate=sum`` is the paper's sum, ``eps`` is relative to the largest eigenvalue. Grafted,
    the step has another method's length and is constrained: ``norm="shampoo(graft=adam)",
    update="constrained", outer="max", backup="ada_inf"``. The row (regularized, l2, shampoo,
    ada_2). When not: where sides have thousands of entries and steps are short: the eigenvectors
    take longer than the step.
    """

    _recipe = "shampoo"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.01, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class ASGO(PlainConstructor):
    r"""ASGO (arXiv 2503.20762): Shampoo on the shorter side alone, at the power 1/2.

    .. math:: W \leftarrow W - \eta\,M R^{-1/2}, \quad R = \mathrm{mean}\,G^\top G

    and :math:`L^{-1/2} M` where the rows are fewer. The row (regularized, l2,
    shampoo(power=0.5,sides=short), ada_2). When not: where the longer side's metric matters, as
    that of a layer's inputs may.
    """

    _recipe = "asgo"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.01, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class KLShampoo(PlainConstructor):
    r"""KL-Shampoo (arXiv 2509.03378): each side's factor is measured in the other's metric.

    .. math:: W \leftarrow W - \eta\,S_L^{-1/2} M S_R^{-1/2}, \quad
              S_L = \mathrm{mean}\,G S_R^{-1} G^\top / c, \quad
              S_R = \mathrm{mean}\,G^\top S_L^{-1} G / r

    It needs no graft. The row (regularized, l2, kl_shampoo, ada_2). When not: where gradients are
    far smaller than 1 in the first hundred steps: as in the authors' code the eigenvalues begin
    with 0.1, and the first steps are short.
    """

    _recipe = "kl-shampoo"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class ShampooMax(PlainConstructor):
    r"""ShampooMax: :class:`MuonMax` with Shampoo's norm on the matrices.

    .. math:: W \leftarrow W - \eta\,\Big(\sum_j |M_j|\Big)\,S / |M|, \quad
              S = L^{-1/4} M R^{-1/4}, \quad |M|^2 = \langle M, S \rangle

    Every matrix moves by the sum of all matrices' dual norms. The row (regularized, hybrid,
    shampoo, ada_2); with ``step_size="momo"`` it follows the loss. When not: without a loss, and
    with :class:`Shampoo`'s rates.
    """

    _recipe = "shampoomax"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.01, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)
