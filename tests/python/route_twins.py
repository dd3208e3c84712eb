# SPDX-License-Identifier: Apache-2.0
"""The models of tests/optimizers/route_parity_test.cpp: one table for both."""

from __future__ import annotations

from route_parts import of
from torch import nn


def block() -> nn.Module:
    return of("Block", norm=nn.LayerNorm(8), attention=nn.MultiheadAttention(8, 2),
              qkv=nn.Linear(8, 24), up=nn.Linear(8, 16), down=nn.Linear(16, 8))  # fmt: skip


def words(head: str) -> nn.Module:
    parts = {"embedding": nn.Embedding(20, 8), "pos_embed": (1, 5, 8), "layers": [block(), block()]}
    return of("Words", **parts, layer_scale=(2, 8), **{head: nn.Linear(8, 12)})


def recurrent() -> nn.Module:
    return of("Recurrent", embedding=nn.Embedding(20, 8), lstm=nn.LSTM(8, 6), cell=nn.GRUCell(6, 6),
              plain=nn.RNN(6, 6), decoder=nn.Linear(6, 20))  # fmt: skip


def image() -> nn.Module:
    return of("Image", stem=nn.Conv2d(3, 8, 3), deep=nn.Conv2d(8, 8, 3, groups=8),
              grouped=nn.Conv2d(8, 8, 3, groups=2), norm=nn.GroupNorm(2, 8),
              up=nn.ConvTranspose2d(8, 6, 2), gate=nn.Linear(6, 1), fc=nn.Linear(6, 5))  # fmt: skip


def perceptron() -> nn.Module:
    layers = nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)
    return nn.Sequential(*layers)


TWINS = {
    "twin_score": lambda: words("score"),
    "twin_to_logits": lambda: words("to_logits"),
    "twin_final_layer": lambda: words("final_layer"),
    "twin_recurrent": recurrent,
    "twin_image": image,
    "twin_perceptron": perceptron,
}
