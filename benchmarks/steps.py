# SPDX-License-Identifier: Apache-2.0
"""Optimizer steps on the matrices of real models, beside torch's optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

import steepest


def gpt2_small(layers: int = 12) -> list[tuple[int, int]]:
    """The 72 matrices of GPT-2 small, layer by layer."""
    return [*[(768, 768)] * 4, (3072, 768), (768, 3072)] * layers


def small(width: int, layers: int = 12) -> list[tuple[int, int]]:
    return [*[(width, width)] * 4, (4 * width, width), (width, 4 * width)] * layers


class Problem:
    """Parameters with gradients of a decaying spectrum, like training's, and an optimizer."""

    def __init__(self, shapes: list[tuple[int, int]], make: Callable[[list[Tensor]], Any]):
        generator = torch.Generator().manual_seed(0)
        self.params = [torch.randn(s, generator=generator) * 0.02 for s in shapes]
        for p in self.params:
            p.grad = gradient(p.shape, generator)
        self.optimizer: Optimizer = make(self.params)
        self.arguments = {"loss": 3.0} if _needs_loss(self.optimizer) else {}

    def step(self) -> None:
        self.optimizer.step(**self.arguments)

    def singular_values(self) -> tuple[float, float]:
        """Of one more step's update of the first and the last matrix, without the radius."""
        found = []
        for p in (self.params[0], self.params[-1]):
            before = p.clone()
            self.step()
            sigma = torch.linalg.svdvals((p - before).double())
            found.append(sigma / sigma.median())
        return min(f.min().item() for f in found), max(f.max().item() for f in found)


def gradient(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise over a few strong directions: singular values over three decades."""
    rows, columns = shape
    rank = min(rows, columns) // 8
    strong = torch.randn(rows, rank, generator=generator) @ torch.diag(torch.logspace(0, -2, rank))
    return strong @ torch.randn(rank, columns, generator=generator) + 0.1 * torch.randn(
        shape, generator=generator
    )


def _needs_loss(optimizer: Optimizer) -> bool:
    return optimizer.param_groups[0].get("step_size") == "momo"


MUON = {"lr": 1e-3, "weight_decay": 0.1}
CONTENDERS: dict[str, Callable[[list[Tensor]], Any]] = {
    "torch Muon": lambda ps: torch.optim.Muon(ps, **MUON),
    "torch AdamW fused": lambda ps: torch.optim.AdamW(ps, fused=True),
    "torch SGD fused": lambda ps: torch.optim.SGD(ps, lr=1e-3, momentum=0.9, fused=True),
    "Muon": lambda ps: steepest.Muon(ps, **MUON),
    "Muon, Polar Express": lambda ps: steepest.Muon(ps, **MUON, polar="polar_express"),
    "Muon, fast": lambda ps: steepest.Muon(ps, **MUON, polar="fast_jordan"),
    "Muon, fast Polar Express": lambda ps: steepest.Muon(
        ps, **MUON, polar="fast_polar_express", polar_steps=5
    ),
    "SGD": lambda ps: steepest.SGD(ps, lr=1e-3, momentum=0.9),
    "stale duals": lambda ps: _descent(ps, duals="stale"),
    "fresh duals": lambda ps: _descent(ps, duals="fresh"),
    "no duals": lambda ps: _descent(ps, outer="max", update="constrained"),
    "MuonMax-Momo": lambda ps: steepest.MuonMax(ps, step_size="momo"),
}


def _descent(params: list[Tensor], **options: Any) -> steepest.SteepestDescent:
    """The same polar factor, with and without need for its dual."""
    base = {"outer": "l2", "update": "regularized", "polar": "fast_jordan", "polar_steps": 5}
    return steepest.SteepestDescent(params, lr=1e-6, **{**base, **options})
