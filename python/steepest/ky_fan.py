# SPDX-License-Identifier: Apache-2.0
"""The optimizers of "Neon" and of "Ky Fan Norms and Beyond": some directions, and mixtures."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import PlainConstructor, RankConstructor
from steepest._typing import Options


class Neon(RankConstructor):
    r"""Neon: :math:`W \leftarrow W - \eta\,\sigma_1 u_1 v_1^T`, steepest in the nuclear norm.

    "Neon: Nuclear Norm to Beat Muon". ``rank=k`` takes the Ky Fan k-norm's direction instead. The
    row (regularized, l2, nuclear, ada_2). When not: where all singular directions count alike.
    """

    _recipe = "neon"

    # Takes what SteepestDescent takes, and ``rank``, the number k of singular triplets in the norm
    # (None: as in the catalog row that the class names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 1.0,
        *,
        rank: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._build_ranked(params, lr, rank, options)


class Fanion(RankConstructor):
    r"""Fanion-k: :math:`W \leftarrow W - \eta\sum_{i \le k} u_i v_i^T` (arXiv 2512.09678).

    The row (constrained, max, ky_fan(k), ada_inf), ``rank`` 5 by default. When not: where k is near
    the full rank: :class:`Muon` is cheaper.
    """

    _recipe = "fanion"

    # Takes what SteepestDescent takes, and ``rank``, the number k of singular triplets in the norm
    # (None: as in the catalog row that the class names in _recipe).
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 0.03,
        *,
        rank: int | None = None,
        **options: Unpack[Options],
    ) -> None:
        self._build_ranked(params, lr, rank, options)


class FStar(PlainConstructor):
    r"""F*: :math:`W \leftarrow W - 2\eta\,U[\Sigma - \tau]_+V^T,\ \sum[\sigma - \tau]_+ = \tau`.

    "Neon: Nuclear Norm to Beat Muon", with the corrected threshold. The row (regularized, l2,
    f_star, ada_2). When not: with very flat spectra, which need many triplets a step.
    """

    _recipe = "f-star"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1.0, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class FMuon(PlainConstructor):
    r"""F-Muon: :math:`W \leftarrow W - \eta\,(U V^T + M / |M|_F) / 2` (arXiv 2512.09678).

    The row (constrained, max, 0.5*spectral+0.5*frobenius, ada_inf). When not: see :class:`Muon`.
    """

    _recipe = "f-muon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class SMuon(PlainConstructor):
    r"""S-Muon: :math:`W \leftarrow W - \eta\,(U V^T + .003\,\mathrm{sign}(M)) / 2`.

    "Ky Fan Norms and Beyond" (arXiv 2512.09678). The row (constrained, max,
    0.5*spectral+0.0015*inf, ada_inf). When not: on matrices with entries that should stay zero.
    """

    _recipe = "s-muon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class FNeon(PlainConstructor):
    r"""F-Neon: :math:`W \leftarrow W - \eta\,(u_1 v_1^T + M / |M|_F) / 2` (arXiv 2512.09678).

    The row (constrained, max, 0.5*nuclear+0.5*frobenius, ada_inf). When not: see :class:`Neon`.
    """

    _recipe = "f-neon"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.3, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)
