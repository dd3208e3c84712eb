# SPDX-License-Identifier: Apache-2.0
"""The functions themselves, for matrices and batches of matrices."""

from __future__ import annotations

import json
from typing import NamedTuple

import torch
from torch import Tensor

from steepest._library import ops
from steepest._numbers import shown
from steepest._options import dtype_name


class Steepest(NamedTuple):
    """A steepest direction and its value, the dual norm.

    Args:
        direction: ``[.., out, in]``, of unit norm.
        dual: ``[..]`` float64, the inner product of the direction with the matrix.

    Example:
        >>> answer = steepest.steepest(torch.diag(torch.tensor([3.0, 4.0])), "frobenius")
        >>> float(answer.dual)
        5.0
    """

    direction: Tensor
    dual: Tensor


class Triplets(NamedTuple):
    """The largest singular triplets, as ``torch.linalg.svd`` names them.

    Args:
        U: ``[.., r, k]``, left singular vectors.
        S: ``[.., k]`` float64, singular values, descending.
        Vh: ``[.., k, c]``, right singular vectors.

    Example:
        >>> triplets = steepest.svd(torch.diag(torch.tensor([3.0, 4.0])), k=1)
        >>> triplets.S.tolist()
        [4.0]
    """

    U: Tensor
    S: Tensor
    Vh: Tensor


def _options_json(**options: object) -> str:
    """The engine's options as JSON; those that are None are left to the engine."""
    return json.dumps({name: value for name, value in options.items() if value is not None})


def _check_tensor(x: object) -> None:
    """Raises TypeError unless ``x`` is a tensor, or what torch traces in the place of one."""
    if not hasattr(x, "__torch_function__"):
        raise TypeError(f"steepest: x: received {shown(x)}, allowed a tensor: torch.as_tensor(x)")


def polar(
    x: Tensor,
    method: str = "polar_express",
    steps: int | None = None,
    dtype: torch.dtype | str | None = None,
    *,
    tol: float | None = None,
) -> Tensor:
    r"""The polar factor :math:`U V^T` of :math:`X = U \Sigma V^T`.

    Args:
        x: ``[.., r, c]``, float64, float32, float16 or bfloat16, of any scale; not modified.
        method: ``"svd"`` (exact), ``"polar_express"`` (arXiv 2505.16932), ``"jordan"``,
            ``"you"``, ``"cans"``, ``"cubic"``, ``"cubic5"``, ``"quintic"``, ``"baseline"``,
            ``"newton"``, or ``"gram_"`` and one of these; ``"fast_"`` and one of these: in the
            dtype that the device multiplies fastest (bfloat16 with AMX, AVX-512 BF16 or CUDA,
            float16 with AVX-512 FP16, else float32). ``"auto"``: see ``tol``.
        steps: of the iteration; by default the method's own number: 5 for most.
        dtype: of the products; by default that of ``x``.
        tol: with method ``"auto"`` alone: the largest :math:`|1 - \sigma|` that the answer's
            singular values may have, for those of ``x`` from ``.001`` of its Frobenius norm on; the
            method, its steps and the dtype follow. By default ``.01``.

    Returns:
        A tensor of the shape and dtype of ``x``; zeros for a zero matrix.

    Raises:
        ValueError: an unknown method, steps or dtype; fewer than two dimensions.
    """
    _check_tensor(x)
    options = _options_json(
        polar=method, polar_steps=steps, polar_dtype=dtype_name(dtype), polar_tol=tol
    )
    factor: Tensor = ops.polar(x, options)
    return factor


def steepest(
    x: Tensor,
    norm: str = "spectral",
    *,
    polar: str | None = None,
    polar_steps: int | None = None,
    svd: str | None = None,
    svd_tol: float | None = None,
) -> Steepest:
    r"""The :math:`s` in the unit ball of ``norm`` with the largest :math:`\langle x, s\rangle`.

    This is the linear minimisation oracle of arXiv 2502.07529 without its sign. The value
    :math:`\langle x, s\rangle` is the dual norm of ``x``.

    Args:
        x: ``[.., out, in]``, of any floating dtype; not modified.
        norm: ``"spectral"``, ``"nuclear"``, ``"ky_fan(k=8)"``, ``"f_star"``, ``"frobenius"``,
            ``"inf"``, ``"row"``, ``"column"``, ``"schatten(p=4)"``, or a mixture
            ``"0.5*spectral+0.5*inf"``.
        polar, polar_steps, svd, svd_tol: how a decomposition is computed, see
            :func:`steepest.polar` and :func:`steepest.svd`.

    Returns:
        ``(direction, dual)``: of the shape of ``x``; float64 of shape ``[..]``.

    Raises:
        ValueError: an unknown norm, or one with state of its own (ada_inf, ada_2).
    """
    _check_tensor(x)
    options = _options_json(polar=polar, polar_steps=polar_steps, svd=svd, svd_tol=svd_tol)
    return Steepest(*ops.steepest(x, norm, options))


def svd(
    x: Tensor,
    k: int,
    method: str = "auto",
    tol: float = 1e-3,
    *,
    stop: str = "value",
    passes: int | None = None,
    start: Tensor | None = None,
) -> Triplets:
    r"""The ``k`` largest singular triplets of a matrix: :math:`x \approx U\,\mathrm{diag}(S) V_h`.

    Args:
        x: ``[.., r, c]``; not modified.
        k: number of triplets, cut to ``min(r, c)``.
        method: ``"auto"`` (the fastest for the device, ``k`` and ``tol``), ``"lanczos"``
            (thick-restart Golub-Kahan), ``"block_krylov"``, ``"power"``, ``"randomized"`` (Halko,
            Martinsson and Tropp: 2 ``passes``, or 2 + 2 q for q power steps), ``"exact"``.
        tol: relative; see ``stop``.
        stop: ``"value"``: the sum of the singular values has settled to ``tol``;
            ``"subspace"``: :math:`U V_h` has, which needs a gap behind the k-th;
            ``"approximation"``: :math:`U\,\mathrm{diag}(S) V_h` is within ``tol`` of the best
            approximation of rank ``k``, relative to its Frobenius norm.
        passes: so many products with the matrix instead, without any test.
        start: ``[.., c, p]``, right vectors to begin with, such as the last call's ``Vh.mT`` of a
            matrix that has changed a little: half the products and less. At ``tol`` of 5e-3 or
            more a new direction that hides in noise may be missed by such a call.

    Returns:
        ``(U, S, Vh)`` of shapes ``[.., r, k]``, ``[.., k]`` (float64, descending), ``[.., k, c]``.

    Raises:
        ValueError: an unknown method or stop, k below 1, tol outside (0, 1).
    """
    _check_tensor(x)
    options = _options_json(svd=method, svd_tol=tol, svd_passes=passes)
    return Triplets(*ops.svd(x, k, options, stop, start)[:3])


def workspace_bytes() -> int:
    """The bytes that this process's threads keep on the CPU from one step to the next.

    Beside them a step on the CPU holds one bucket a thread: the largest matrix, or small ones of
    together 1 MB.
    """
    return int(ops.workspace_bytes())
