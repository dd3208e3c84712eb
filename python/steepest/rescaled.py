# SPDX-License-Identifier: Apache-2.0
"""Muon whose directions are rescaled after the polar factor: NorMuon, AdaMuon, Muon+."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import PlainConstructor
from steepest._typing import Options


class NorMuon(PlainConstructor):
    r"""NorMuon (arXiv 2510.05491): Muon whose directions have their rows brought to one size.

    .. math:: v_i \leftarrow \beta_2 v_i + (1 - \beta_2)\,\mathrm{mean}_j O_{ij}^2, \quad
              W \leftarrow W - \eta\,r\,|O|_F\,\hat O / |\hat O|_F, \quad
              \hat O_{ij} = O_{ij} / \sqrt{v_i}

    with Muon's :math:`O`; a row is an output neuron. The norm of the direction is kept, so that
    Muon's learning rates carry over; ``rescale="normuon(rms=0.2)"`` is the paper's scale, and
    ``"normuon(axis=longer)"`` takes columns of a wide matrix, as some ports do. The row
    (constrained, max, spectral, ada_inf) with a rescale. When not: where a matrix is stored
    (in, out) and the optimizer is not told so.
    """

    _recipe = "normuon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class AdaMuon(PlainConstructor):
    r"""AdaMuon (arXiv 2507.11005): entries of the polar factor of a sign over their mean square.

    .. math:: O = \mathrm{polar}(\mathrm{sign}(M)), \quad
              V \leftarrow \beta_2 V + (1 - \beta_2)\,O^2, \quad
              W \leftarrow W - \eta\,r\,|O|_F\,\hat O / |\hat O|_F, \quad
              \hat O = O / (\sqrt V + \epsilon)

    The norm of the direction is kept, so that Muon's learning rates carry over;
    ``rescale="adamuon(rms=0.2)", radius="none"`` is the paper's scale, ``norm="spectral"`` leaves
    the sign out. The row (constrained, max, spectral_sign, ada_inf) with a rescale. When not: where
    memory is short: it keeps as much as Adam.
    """

    _recipe = "adamuon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class MuonPlus(PlainConstructor):
    r"""Muon+ (arXiv 2602.21545): Muon whose directions get columns, then rows of length 1.

    .. math:: \hat O = \mathrm{rows}_1(\mathrm{columns}_1(O)), \quad
              W \leftarrow W - \eta\,r\,|O|_F\,\hat O / |\hat O|_F

    with Muon's :math:`O`. ``rescale="muon_plus(axis=rows)"`` and the like choose other lines,
    ``axis=matrix`` the Frobenius norm alone; ``scale=paper`` leaves the lines at 1. The row
    (constrained, max, spectral, ada_inf) with a rescale. When not: on square matrices with an exact
    polar factor, where it changes nothing: :class:`Muon`.
    """

    _recipe = "muon-plus"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)
