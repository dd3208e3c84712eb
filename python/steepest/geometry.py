# SPDX-License-Identifier: Apache-2.0
"""The optimizers that say where weights live: on a sphere, or as rows of a length of their own."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._bases import PlainConstructor
from steepest._typing import Options


class MuonH(PlainConstructor):
    r"""MuonH: Muon on the sphere where each matrix began (modded-nanogpt, track 3).

    .. math:: W \leftarrow R\,\frac{W'}{|W'|_F}, \quad W' = W - \eta R\,\frac{O}{|O|_F}, \quad
              R = |W_0|_F

    with Muon's :math:`O`. The learning rate is the angle of a step, near enough, whatever a
    matrix's size; decay would change nothing. A matrix that begins with zeros moves freely in its
    first step, and keeps the norm that it then has. The row (constrained, max, spectral, ada_inf)
    with the rescale relative and the geometry hyperball. When not: where the loss depends on
    :math:`|W|_F` and no gain learns it, as of an embedding, or a head without a norm before it.
    """

    _recipe = "muonh"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class AdamH(PlainConstructor):
    r"""AdamH: Adam on the sphere where each matrix began (modded-nanogpt, track 3).

    .. math:: W \leftarrow R\,\frac{W'}{|W'|_F}, \quad W' = W - \eta R\,\frac{s}{|s|_F}, \quad
              s = \frac{\hat m}{\sqrt{\hat v} + \epsilon}, \quad R = |W_0|_F

    The row (constrained, max, ada_inf) with the rescale relative and the geometry hyperball. When
    not: as :class:`MuonH`, which needs half of its state.
    """

    _recipe = "adamh"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Muown(PlainConstructor):
    r"""Muown (arXiv 2605.10797): rows are lengths, and directions that Muon turns.

    .. math:: W_i = g_i v_i / |v_i|, \quad
              v \leftarrow v - .2\,\eta\sqrt{\max(r, c)}\,\mathrm{polar}(M), \quad
              g \leftarrow g - \eta\,\hat m / (\sqrt{\hat v_g} + \epsilon)

    with the momentum :math:`M` of the gradients of :math:`v`; a row is an output neuron. As
    :math:`|v_i|` grows, a step turns it less: a schedule that comes by itself. The decay is that of
    :math:`g`; ``geometry="muown(lr=0.5)"`` gives g half the rate. The row (constrained, max,
    spectral, ada_inf) with the geometry muown. When not: with Momo, whose model is linear in W: it
    has no such form.
    """

    _recipe = "muown"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)
