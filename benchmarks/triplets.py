# SPDX-License-Identifier: Apache-2.0
"""Truncated SVDs of one large matrix, beside ARPACK and torch.svd_lowrank."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

import steepest


def matrix(kind: str, n: int) -> Tensor:
    """Gaussian: a flat spectrum, the worst case; decaying: sigma_i = i^-0.8 over a noise floor."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n, n, generator=generator)
    if kind == "gaussian":
        return noise
    rank = min(n, 500)
    u = torch.linalg.qr(torch.randn(n, rank, generator=generator))[0]
    v = torch.linalg.qr(torch.randn(n, rank, generator=generator))[0]
    sigma = torch.arange(1, rank + 1, dtype=torch.float32) ** -0.8
    return (u * sigma) @ v.T + noise * (1e-3 / n**0.5)


def attained(a: Tensor, u: Tensor, vh: Tensor) -> float:
    """<A, U V^T>: what a step in this direction uses of the dual norm."""
    return ((u.T @ a) * vh).sum().item()


def arpack(a: Tensor, k: int) -> tuple[Tensor, Tensor]:
    from scipy.sparse.linalg import svds

    u, _, vh = svds(a.numpy(), k=k, tol=0.01, random_state=0)
    return torch.from_numpy(u.copy()), torch.from_numpy(vh.copy())


def lowrank(a: Tensor, k: int, q: int, niter: int) -> tuple[Tensor, Tensor]:
    u, _, v = torch.svd_lowrank(a, q=q, niter=niter)
    return u[:, :k], v[:, :k].T


def ours(a: Tensor, k: int, method: str, tol: float = 1e-2) -> tuple[Tensor, Tensor]:
    found = steepest.svd(a, k, method=method, tol=tol)
    return found.U, found.Vh


def contenders(a: Tensor, k: int, slow: bool) -> dict[str, Callable[[], tuple[Tensor, Tensor]]]:
    wide = {1: 7, 10: 16, 100: 120}.get(k, k + 20)
    found = {
        "one product A x": lambda: (a @ a[0], a),
        f"svd_lowrank q={wide} niter=4": lambda: lowrank(a, k, wide, 4),
        "steepest auto": lambda: ours(a, k, "auto"),

    }
    if slow:
        found["ARPACK tol=.01"] = lambda: arpack(a, k)
    return found
