# SPDX-License-Identifier: Apache-2.0
"""Muon of a balanced momentum, prepared before the polar factor: Muon^2, MuonEq, SOAP-Muon, .."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import PlainConstructor
from steepest._typing import Options


class MuonSquared(PlainConstructor):
    r"""Muon^2 (arXiv 2604.09967): Muon of the momentum over the root of the mean square.

    .. math:: W \leftarrow W - \eta\,r\,\mathrm{polar}(M / (\sqrt V + \epsilon))

    :math:`V` is the mean of :math:`g^2` so far. ``norm="muon_squared(form=metric)"`` is steepest
    descent in the norm that the paper's preparation suggests. The row (constrained, max,
    muon_squared, ada_inf). When not: where memory is short: it keeps as much as Adam.
    """

    _recipe = "muon-squared"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class MuonEq(PlainConstructor):
    r"""MuonEq (arXiv 2603.28254): :math:`W \leftarrow W - \eta\,r\,\mathrm{polar}(D M)`.

    :math:`D` brings the rows of :math:`M` to length 1; ``norm="muoneq(sides=columns)"`` or
    ``sides=both`` takes other lines. It keeps no more than Muon. The row (constrained, max, muoneq,
    ada_inf). When not: where rows of the gradient are small because they matter little.
    """

    _recipe = "muoneq"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class SOAPMuon(PlainConstructor):
    r"""SOAP-Muon (modded-nanogpt, track 3, record 44): Muon of the momentum as SOAP scales it.

    .. math:: W \leftarrow W - \eta\,r\,\mathrm{polar}(Q_L\,[M' / \sqrt V]\,Q_R^\top), \quad
              M' = Q_L^\top M\,Q_R, \quad V \leftarrow \beta_2 V + (1 - \beta_2)\,M'^2

    New bases at every step; ``norm="soap_muon(refresh=10)"`` changes that. The record's update
    floor is ``rescale="floor(axis=rows,ratio=0.3825)"``. The row (constrained, max, soap_muon,
    ada_inf). When not: where memory or a step's time is short: it costs SOAP's and Muon's together.
    """

    _recipe = "soap-muon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(self, params: Any, lr: float | Tensor = 0.03, **options: Unpack[Options]) -> None:
        super().__init__(params, lr, **options)


class Aurora(PlainConstructor):
    r"""Aurora (arXiv 2606.27715): :math:`W \leftarrow W - \eta\,r\,\mathrm{polar}(D M)`.

    :math:`D` is such that the rows of a tall matrix' direction, the columns of a wide one's, have
    nearly one length: ``norm="aurora(passes=4)"`` brings them nearer, a polar factor a pass. The
    row (constrained, max, aurora, ada_inf). When not: where all matrices are square: it is
    :class:`Muon` then; and where a step's time counts: it takes two polar factors.
    """

    _recipe = "aurora"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)
