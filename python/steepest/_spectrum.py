# SPDX-License-Identifier: Apache-2.0
"""What a log tells of a parameter's matrices, under the names of the trainer's records.jsonl."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from steepest._face import Face

MATRICES = ("gradient", "momentum", "weights")
_MOMENTA = ("momentum_buffer", "exp_avg")  # as torch's own optimizers name them
_LOST = 1e-8  # of the largest singular value: below, the Gram matrix has its rounding alone


def check(of: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple; ValueError for one that is none of MATRICES."""
    names = (of,) if isinstance(of, str) else tuple(of)
    for name in names:
        if name not in MATRICES:
            raise ValueError(f"Logger: of: received {name!r}, allowed {', '.join(MATRICES)}")
    return names


def singular_values(matrix: Tensor) -> Tensor:
    """Those of a matrix [r, c] that can be told, descending, in float64; none of one not finite.

    They are roots of the eigenvalues of the smaller of X X^T and X^T X in float64, which has lost
    what is below 1e-8 of the largest.
    """
    x = matrix.detach().double()
    largest = float(x.abs().max()) if x.numel() else 0.0
    if largest == 0 or not math.isfinite(largest):
        return x.new_empty(0)
    x = (x if x.shape[0] <= x.shape[1] else x.mT) / largest
    squares: Tensor = torch.linalg.eigvalsh(x @ x.mT).flip(0)
    values: Tensor = squares.clamp(min=0).sqrt()
    kept: Tensor = values[values >= _LOST * values[0]]
    return kept * largest


def ranks(matrix: Tensor) -> dict[str, float | None]:
    """``stable_rank``, ``entropy_rank`` and ``condition_99`` of a matrix [r, c]; None without any.

    With s_1 >= s_2 >= .. and p_i = s_i^2 / sum s_j^2 they are sum s_i^2 / s_1^2,
    exp(-sum p_i ln p_i), and s_1 / s_k with the least k for which p_1 + .. + p_k >= .99.
    """
    values = singular_values(matrix)
    if not values.numel():
        return dict.fromkeys(("stable_rank", "entropy_rank", "condition_99"))
    squares = values.square()
    shares = squares / squares.sum()
    enough = min(int((shares.cumsum(0) < 0.99).sum()), values.numel() - 1)
    return {
        "stable_rank": float(squares.sum() / squares[0]),
        "entropy_rank": float(torch.exp(-(shares * shares.log()).sum())),
        "condition_99": float(values[0] / values[enough]),
    }


def _cosine(x: Tensor, y: Tensor) -> float | None:
    """<x, y> / (|x| |y|) in float64; None where one of them is zero or not finite."""
    a, b = x.detach().double().flatten(), y.detach().double().flatten()
    norms = float(a.norm() * b.norm())
    return float(a @ b) / norms if 0 < norms < math.inf else None


def rows(optimizer: Face, of: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By name, of each parameter of two dimensions or more that has a state, what ``of`` asks for.

    The matrix is the parameter as it is stored, all dimensions but the first flattened.
    """
    plan, found = optimizer._plan(), {}
    for index, param in enumerate(optimizer._params()):
        state = optimizer.state.get(param)
        if not state or param.ndim < 2:
            continue
        momentum = next((state[key] for key in _MOMENTA if key in state), None)
        tensors = {"gradient": param.grad, "momentum": momentum, "weights": param}
        row: dict[str, Any] = {"weight_rms": float(param.detach().double().square().mean().sqrt())}
        if momentum is not None and param.grad is not None:
            row["gradient_cosine"] = _cosine(momentum, param.grad)
        for name in of:
            if (tensor := tensors[name]) is not None:
                row[name] = ranks(tensor.flatten(1))
        found[plan.names[index]] = row
    return found
