# SPDX-License-Identifier: Apache-2.0
"""Whole training steps: what part of them an optimizer takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from goals import Row
from steps import CONTENDERS, Problem, gpt2_small
from timing import interleaved, median_ratio, milliseconds
from torch import Tensor, nn

import steepest


class Block(nn.Module):
    """One of GPT-2 small's twelve layers."""

    def __init__(self, width: int = 768, heads: int = 12):
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        split = self.qkv(self.norms[0](x)).view(batch, length, 3, self.heads, width // self.heads)
        q, k, v = split.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(x.shape))
        return x + self.down(nn.functional.gelu(self.up(self.norms[1](x))))


def _pass(dtype: torch.dtype, tokens: int) -> Callable[[], None]:
    torch.manual_seed(0)
    block = Block().to(dtype)
    x = torch.randn(tokens // 1024, 1024, 768, dtype=dtype, requires_grad=True)

    def run() -> None:
        block(x).square().mean().backward()

    return run


def share_rows(quick: bool) -> list[Row]:
    """P5. One of twelve layers alike is timed; embedding and head are left out of the pass."""
    tokens, layers = 1024 if quick else 2048, 12
    names = ["Muon"] + ([] if quick else ["torch Muon"])
    steps = {name: Problem(gpt2_small(1), CONTENDERS[name]).step for name in names}
    rows = []
    for dtype in (torch.float32, torch.bfloat16):
        seconds = interleaved({"pass": _pass(dtype, tokens), **steps}, 1 if quick else 2)
        one = sum(seconds["pass"]) / len(seconds["pass"]) * layers / tokens
        for name in names:
            step = sum(seconds[name]) / len(seconds[name]) * layers
            for length in (2048, 32768, 524288):
                share = 100 * step / (step + one * length)
                limit = 10 if name == "Muon" and length == 2048 else None
                what = f"{name}, {length} tokens, {str(dtype)[6:]}"
                wanted = None if limit is None else ("<=", limit)
                rows.append(Row("P5", what, "forward, backward and step", step * 1e3, share, wanted,
                                unit="%"))  # fmt: skip
    return rows


def mlp() -> tuple[nn.Module, Tensor]:
    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 200), nn.ReLU(), nn.Linear(200, 200),
                        nn.ReLU(), nn.Linear(200, 10))  # fmt: skip
    return net, torch.randn(64, 784)


def cnn() -> tuple[nn.Module, Tensor]:
    net = nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 128, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(128, 10),
    )  # fmt: skip
    return net, torch.randn(64, 3, 32, 32)


MAKERS: dict[str, Callable[[nn.Module], Any]] = {
    "AdamW": lambda net: torch.optim.AdamW(net.parameters(), lr=1e-3),
    "Neon": lambda net: steepest.Neon(net.named_parameters(), lr=1e-3),
    "F*": lambda net: steepest.FStar(net.named_parameters(), lr=1e-3),
    "Muon": lambda net: steepest.Muon(_matrices(net), lr=1e-3),
    "Neon, matrices": lambda net: steepest.Neon(_matrices(net), lr=1e-3),
}


def _matrices(net: nn.Module) -> list[tuple[str, Tensor]]:
    return [(name, p) for name, p in net.named_parameters() if p.dim() == 2]


def _trainer(make_net, maker) -> tuple[Callable[[], None], Callable[[], None]]:
    torch.manual_seed(1)
    net, x = make_net()
    target = torch.randint(0, 10, (x.size(0),))
    optimizer = maker(net)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(net(x), target).backward()
        optimizer.step()

    step()
    return step, optimizer.step


def cost_rows(quick: bool) -> list[Row]:
    """P13."""
    rows, rounds = [], 10 if quick else 60
    for what, net in (("MLP", mlp), ("CNN", cnn)):
        pairs = {name: _trainer(net, maker) for name, maker in MAKERS.items()}
        whole = interleaved({n: pairs[n][0] for n in ("AdamW", "Neon", "F*")}, rounds, warmup=5)
        for name in ("Neon", "F*"):
            ratio, ms = median_ratio(whole, name, "AdamW"), milliseconds(whole[name])
            text = f"{name}'s training step, {what}"
            rows.append(Row("P13", text, "AdamW's", ms, ratio, ("<=", 1.3)))
        if what == "CNN":
            continue  # its convolutions are no matrices to torch's Muon
        alone = interleaved({n: pairs[n][1] for n in ("Muon", "Neon, matrices")}, rounds, warmup=5)
        ratio = median_ratio(alone, "Muon", "Neon, matrices")
        ms = milliseconds(alone["Neon, matrices"])
        rows.append(Row("P13", f"Neon's step alone, {what}", "Muon's", ms, ratio, (">=", 1)))
    return rows


def rows(quick: bool) -> list[Row]:
    return share_rows(quick) + cost_rows(quick)
