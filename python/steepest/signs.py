# SPDX-License-Identifier: Apache-2.0
"""The optimizers that move every entry by the sign of a momentum."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest import _options
from steepest._bases import PlainConstructor
from steepest._face import Face
from steepest._options import Group
from steepest._typing import Common, Options


class SignSGD(PlainConstructor):
    r"""signSGD: :math:`W \leftarrow W - \eta\,\mathrm{sign}(m)` (arXiv 1802.04434).

    The row (constrained, max, inf). When not: in small batches, whose noise has large signs too.
    """

    _recipe = "signsgd"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-2, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Signum(PlainConstructor):
    r"""Signum: :math:`m = \beta m + (1 - \beta) g,\ W \leftarrow W - \eta\,\mathrm{sign}(m)`.

    signSGD with momentum .9 (arXiv 1802.04434, algorithm 2). The row (constrained, max, inf). When
    not: where :class:`Lion` serves, which has the same state and one more number to tune.
    """

    _recipe = "signum"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 3e-3, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Lion(Face):
    r"""Lion (arXiv 2302.06675), with the signature and the numbers of its paper.

    .. math:: W \leftarrow (1 - \eta\lambda) W - \eta\,\mathrm{sign}(\beta_1 m + (1 - \beta_1) g),
              \quad m \leftarrow \beta_2 m + (1 - \beta_2) g

    Rates are a third to a tenth of AdamW's, decay as much larger. The row (constrained, max, inf)
    with a look-ahead: both betas are read at every step. When not: in small batches, whose noise
    has large signs too.
    """

    _recipe = "lion"
    _own = ("betas",)

    # Takes the arguments of the authors' class; the other options are SteepestDescent's. ValueError
    # for a value out of range.
    def __init__(
        self,
        params: Any,
        lr: float | str | Tensor = 3e-3,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0,
        **options: Unpack[Common],
    ) -> None:
        for key in ("momentum", "nesterov", "nesterov_momentum", "backup_betas"):
            if key in options:
                raise TypeError(f"lion: got an unexpected option '{key}': write betas")
        _options.check_number("weight_decay", weight_decay, 0)
        given: Group = {**options, "betas": betas, "weight_decay": weight_decay}
        self._build_recipe(params, lr, given)

    def _canonical(self, group: Group) -> Group:
        """Returns a copy of the group under SteepestDescent's keys, of which a plan is made.

        The momentum is the second of betas, by which the first is the weight of a look-ahead.
        Raises ValueError where that weight would be above 1.
        """
        first, second = group["betas"]
        if first > second or second == 0:
            raise ValueError(
                f"betas: received {(first, second)}, allowed the second above 0 and the first at "
                "most the second"
            )
        return {**group, "momentum": second, "nesterov_momentum": first / second}
