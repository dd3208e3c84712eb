# SPDX-License-Identifier: Apache-2.0
"""The named optimizers: each is a row of choices, which the C++ catalog holds."""

from __future__ import annotations

import inspect
import re
from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest import _options
from steepest._bases import PlainConstructor
from steepest._documented import document
from steepest._face import Face
from steepest._numbers import word
from steepest._options import Group
from steepest._typing import Options
from steepest.curvature import ASGO, KLSOAP, SOAP, KLShampoo, Shampoo, ShampooMax
from steepest.geometry import AdamH, MuonH, Muown
from steepest.ky_fan import Fanion, FMuon, FNeon, FStar, Neon, SMuon
from steepest.low_rank import COSMOS, Dion, Dion2, KRank
from steepest.prepared import Aurora, MuonEq, MuonSquared, SOAPMuon
from steepest.rescaled import AdaMuon, MuonPlus, NorMuon
from steepest.signs import Lion, SignSGD, Signum
from steepest.torch_like import SGD, Adam, AdamW, Muon


class NormalizedSGD(PlainConstructor):
    r"""SGD of unit length: :math:`W \leftarrow W - \eta\,m / |m|_2`, over the whole network.

    "Momentum Improves Normalized SGD" (arXiv 2002.03305). The row (constrained, l2, frobenius).
    When not: where some blocks' gradients are far larger than others': they take the whole step.
    """

    _recipe = "normalized-sgd"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.3, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class MuonJordan(PlainConstructor):
    r"""Jordan's Muon: :math:`B = \mu B + g,\ W \leftarrow W - \eta\,r\,\mathrm{NS}_5(g + \mu B)`.

    The heavy ball of the original post (kellerjordan.github.io/posts/muon), with Adam(.9, .95) on
    the rest: the row (constrained, max, spectral, ada_inf). torch's :class:`Muon` keeps a mean
    instead: the directions are the same, the states are not. When not: in new programs, which lose
    nothing with :class:`Muon`.
    """

    _recipe = "muon-jordan"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class MuonAdam(PlainConstructor):
    r"""Muon on matrices and Adam on the rest, as one steepest descent (arXiv 2510.09827).

    .. math:: W \leftarrow W - \eta\,\mathrm{polar}(M), \quad
              \theta \leftarrow \theta - \eta_b\,m / (\sqrt v + \epsilon)

    The row (constrained, max, spectral, ada_inf), EMA .95 without Nesterov. When not: to repeat a
    run of torch's or Jordan's Muon, which have Nesterov, radii and other betas.
    """

    _recipe = "muon-adam"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Scion(PlainConstructor):
    r"""Scion as in arXiv 2510.09827: :math:`\mathrm{polar}(M)` and :math:`\mathrm{sign}(m)`.

    The row (constrained, max, spectral, inf). :class:`ScionLions` is the original, with radii. When
    not: where embeddings and biases want second moments: :class:`MuonAdam`.
    """

    _recipe = "scion"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class ScionLions(PlainConstructor):
    r"""Scion of LIONS (arXiv 2502.07529): a Frank-Wolfe step in balls of given radii.

    .. math:: d \leftarrow .9\,d + .1\,g, \quad
              W \leftarrow (1 - \eta) W - \eta\,\rho\,\mathrm{steepest}(d)

    One backup norm (sign) serves head, embedding and biases; give a group ``norm="column"`` and its
    role where one-hot inputs want it. Their ``momentum=0.1`` is ``momentum=0.9`` here. The row
    (constrained, max, spectral, inf). When not: from weights that are not inside the ball.
    """

    _recipe = "scion-lions"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 2.44140625e-4, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class PolarGrad(PlainConstructor):
    r"""PolarGrad: :math:`W \leftarrow W - \eta\,|M|_{\mathrm{nuc}}\,\mathrm{polar}(M)`.

    The row (regularized, l2, spectral, ada_2) of arXiv 2510.09827; the method is arXiv 2505.21799.
    When not: with rates tuned for Muon: the step grows with the gradient's nuclear norm.
    """

    _recipe = "polargrad"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-1, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class MuonMax(PlainConstructor):
    r"""MuonMax: every matrix moves by the sum of all matrices' nuclear norms.

    .. math:: W \leftarrow W - \eta\,\Big(\sum_j |M_j|_{\mathrm{nuc}}\Big)\,\mathrm{polar}(M), \quad
              \theta \leftarrow \theta - \eta_b\,m / (\sqrt v + \epsilon)

    "Non-Euclidean Gradient Descent" (arXiv 2510.09827), the row (regularized, hybrid, spectral,
    ada_2). With ``step_size="momo"`` the paper's MuonMax-Momo, its most robust method to the
    learning rate. When not: where no loss reaches the optimizer, and rates cannot be tuned.
    """

    _recipe = "muonmax"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 0.03, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class OrthogonalSGDM(PlainConstructor):
    r"""Orthogonal-SGDM: :math:`B = \mu B + U V^T\ \text{of}\ g,\ W \leftarrow W - \eta B`.

    Momentum after the norm (arXiv 2202.07052). The row (constrained, max, spectral, ada_inf). When
    not: with Momo, whose model needs the momentum of the gradients: it has no such form.
    """

    _recipe = "orthogonal-sgdm"

    # Takes what SteepestDescent takes. Norms and other choices are by default those of the catalog
    # row that the class names in _recipe; ``lr`` has a default of this class.
    def __init__(
        self, params: Any, lr: float | str | Tensor = 1e-2, **options: Unpack[Options]
    ) -> None:
        super().__init__(params, lr, **options)


class Named(Face):
    """A row of the C++ catalog that has no class of its own here; see :func:`make`."""

    def __init__(
        self,
        name: str,
        params: Any,
        lr: float | str | Tensor | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Builds the optimizer of the catalog row ``name``, as make() takes it, without "-momo".

        ``lr`` is by default the row's. Raises ValueError for an unknown name.
        """
        self._recipe = name  # type: ignore[misc]
        given: Group = dict(options)
        self._build_recipe(params, lr, given)


CLASSES: dict[str, type[Face]] = {
    cls._recipe: cls
    for cls in (
        SGD,
        NormalizedSGD,
        SignSGD,
        Signum,
        Lion,
        Adam,
        AdamW,
        Muon,
        MuonJordan,
        MuonAdam,
        NorMuon,
        MuonH,
        AdamH,
        Muown,
        AdaMuon,
        MuonPlus,
        MuonSquared,
        MuonEq,
        SOAPMuon,
        Aurora,
        SOAP,
        KLSOAP,
        Shampoo,
        ASGO,
        KLShampoo,
        Dion,
        Dion2,
        COSMOS,
        Scion,
        ScionLions,
        PolarGrad,
        MuonMax,
        ShampooMax,
        Neon,
        FStar,
        Fanion,
        KRank,
        FMuon,
        SMuon,
        FNeon,
        OrthogonalSGDM,
    )
}


for _cls in CLASSES.values():
    document(_cls)

# An argument in a row's name, "k=4".
_ARGUMENT = re.compile(r"(\w+)\s*=\s*([^\s,()]+)")


def make(name: str, params: Any, **options: Any) -> Face:
    """Any optimizer of the catalog by its name: ``"muonmax-momo"``, ``"neon(k=4)"``.

    Args:
        name: such as ``"muon"``; a wrong one is answered with all. ``-momo`` behind it makes its
            Momo form.
        params: as for :class:`SteepestDescent`.
        options: of the class.

    Raises:
        ValueError: an unknown name, with the allowed ones and the nearest.
        TypeError: the name is no text.
    """
    word("make: name", name)
    _options.row(name)  # refuses unknown names
    plain = name.removesuffix("-momo")
    if plain != name:
        options["step_size"] = "momo"
    base = plain.partition("(")[0]
    said = {"rank" if key == "k" else key: value for key, value in _ARGUMENT.findall(plain)}
    if base not in CLASSES or not said.keys() <= inspect.signature(CLASSES[base]).parameters.keys():
        return Named(plain, params, **options)
    options.update({key: float(value) for key, value in said.items()})
    return CLASSES[base](params, **options)
