# SPDX-License-Identifier: Apache-2.0
"""Optimizer steps on the matrices of real models, beside torch's optimizers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from goals import Row
from timing import interleaved, median_ratio, milliseconds
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
    if len(shape) == 1:
        return torch.randn(shape, generator=generator)
    rows, columns = shape
    rank = min(rows, columns) // 8
    strong = torch.randn(rows, rank, generator=generator) @ torch.diag(torch.logspace(0, -2, rank))
    return strong @ torch.randn(rank, columns, generator=generator) + 0.1 * torch.randn(
        shape, generator=generator
    )


def _needs_loss(optimizer: Optimizer) -> bool:
    return optimizer.param_groups[0].get("step_size") == "momo"  # Momo asks for it


MUON = {"lr": 1e-3, "weight_decay": 0.1}


class Float32Muon:
    """torch.optim.Muon's step with its iteration in float32, which this CPU may multiply faster."""

    def __init__(self, params: list[Tensor]):
        self.params, self.momenta = params, [torch.zeros_like(p) for p in params]
        self.param_groups: list[dict[str, Any]] = [{}]

    @torch.no_grad()
    def step(self) -> None:
        a, b, c = 3.4445, -4.7750, 2.0315
        for p, m in zip(self.params, self.momenta):
            m.lerp_(p.grad, 0.05)
            x = p.grad.lerp(m, 0.95)
            tall = x.size(0) > x.size(1)
            x = x.T if tall else x
            x = x / x.norm().clamp(min=1e-7)
            for _ in range(5):
                gram = x @ x.T
                x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
            p.mul_(1 - MUON["lr"] * MUON["weight_decay"])
            ratio = max(1, p.size(0) / p.size(1)) ** 0.5
            p.add_(x.T if tall else x, alpha=-MUON["lr"] * ratio)


CONTENDERS: dict[str, Callable[[list[Tensor]], Any]] = {
    "torch Muon": lambda ps: torch.optim.Muon(ps, **MUON),
    "torch Muon in float32": Float32Muon,
    "torch AdamW fused": lambda ps: torch.optim.AdamW(ps, fused=True),
    "torch SGD fused": lambda ps: torch.optim.SGD(ps, lr=1e-3, momentum=0.9, fused=True),
    "Muon, torch's bits": lambda ps: steepest.Muon(ps, **MUON, polar="jordan"),
    "Muon, Polar Express": lambda ps: steepest.Muon(ps, **MUON, polar="polar_express"),
    "Muon": lambda ps: steepest.Muon(ps, **MUON),
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


# What is wanted of GPT-2 small by the largest instruction set in use; AMX first. Where it is not
# the machine's largest, ONEDNN_MAX_CPU_ISA has to hold torch to the same.
WANTED = {"amx": 3.5, "avx512_fp16": 4.9, "avx512_bf16": 2.1, "avx512": 3.0, "avx2": 3.0}


def instruction_set() -> str:
    """The largest one that the CPU has and that neither environment variable keeps off."""
    onednn = os.environ.get("ONEDNN_MAX_CPU_ISA", "ALL")
    flags = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    names = list(WANTED)
    allowed = names[names.index(os.environ.get("STEEPEST_CPU") or "amx") :]
    if "AMX" not in onednn and onednn not in ("ALL", "DEFAULT"):
        allowed = [name for name in allowed if name != "amx"]
    flag_of = {"amx": "amx_bf16", "avx512": "avx512f"}
    return next((name for name in allowed if flag_of.get(name, name) in flags.split()), "avx2")


def _sigma(problem: Problem) -> tuple[str, tuple[float, float]]:
    low, high = problem.singular_values()
    return f"sigma/median {low:.2f}..{high:.2f}", (low, high)


def _time(shapes: list[tuple[int, int]], names: list[str], rounds: int):
    problems = {name: Problem(shapes, CONTENDERS[name]) for name in names}
    return problems, interleaved({name: p.step for name, p in problems.items()}, rounds)


def _muon_rows(goal: str, what: str, shapes, rounds: int, limit: float) -> list[Row]:
    peers = ["torch Muon", "torch Muon in float32"]
    problems, seconds = _time(shapes, [*peers, "Muon", "Muon, torch's bits"], rounds)
    sigma = {name: _sigma(p) for name, p in problems.items()}
    rows = []
    for name, peer, wanted in (
        ("Muon", peers[0], (">=", limit)),
        ("Muon", peers[1], None),
        ("Muon, torch's bits", peers[0], None),
    ):
        text, (low, high) = sigma[name]
        peer_text = sigma[peer][0]
        # Of torch's iteration as it is, or in float32 where bfloat16 blurs its smallest values.
        near = any(
            abs(low - other_low) <= 0.02 and abs(high - other_high) <= 0.02
            for _, (other_low, other_high) in (sigma[p] for p in peers)
        )
        ratio = median_ratio(seconds, peer, name)
        ms = milliseconds(seconds[name])
        seen = f"{text}, peer {peer_text[13:]}"
        rows.append(Row(goal, f"{name}, {what}", peer, ms, ratio, wanted, seen, enough=near))
    return rows


def large_rows(quick: bool) -> list[Row]:
    """P1, P2, P4, P6, P7, P14."""
    few = gpt2_small(1 if quick else 2)
    what = f"GPT-2 small, {len(few) // 6} of 12 layers"
    isa = instruction_set()
    amx = isa == "amx"
    rows = _muon_rows("P2" if amx else "P1", what, few, 1 if quick else 2, WANTED[isa])
    off = "AMX is on: run with ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16"
    rows.append(Row("P1", what, missing=off) if amx else Row("P2", what, missing="no AMX here"))

    whole = gpt2_small(1 if quick else 12)
    what = f"GPT-2 small, {len(whole) // 6} layers"
    names = ["torch AdamW fused", "torch SGD fused", "SGD", "Muon",
             "Muon, fast Polar Express", "MuonMax-Momo"]  # fmt: skip
    _, seconds = _time(whole, names, 2 if quick else 3)
    # A hundredth shows over many rounds only.
    part = f"GPT-2 small, {len(few) // 6} of 12 layers"
    _, duals = _time(few, ["no duals", "stale duals", "fresh duals"], 3 if quick else 11)
    more, cheap = _time(whole, names[:3], 5 if quick else 15)

    def row(goal: str, name: str, peer: str, limit: float | None, times=seconds, what=what) -> Row:
        wanted = None if limit is None else ("<=", limit)
        ms, ratio = milliseconds(times[name]), median_ratio(times, name, peer)
        return Row(goal, f"{name}, {what}", peer, ms, ratio, wanted)

    return [
        *rows,
        row("P4", "Muon", names[0], 9),
        row("P6", "SGD", names[1], 1.3, cheap),
        row("P7", "Muon, fast Polar Express", "Muon", 1.05),
        row("P14", "stale duals", "no duals", 1.02, duals, part),
        row("P14", "fresh duals", "no duals", 1.10, duals, part),
        row("P14", "MuonMax-Momo", "Muon", None),
    ]


def small_rows(quick: bool) -> list[Row]:
    """P3."""
    rows = []
    for width, limit in ((128, 5), (64, 10)):
        shapes = small(width, 4 if quick else 12)
        what = f"width {width}, {len(shapes)} matrices"
        rows += _muon_rows("P3", what, shapes, 3 if quick else 7, limit)
    return rows
