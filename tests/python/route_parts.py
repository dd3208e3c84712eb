# SPDX-License-Identifier: Apache-2.0
"""Modules in one line, for tables of small models: routing reads structure and runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn


class Net(nn.Module):
    """Children and parameters by name: modules, lists of modules, shapes as tuples."""

    def __init__(self, **parts) -> None:
        super().__init__()
        for name, part in parts.items():
            if isinstance(part, tuple):
                part = nn.Parameter(torch.empty(part))
            elif isinstance(part, list):
                part = nn.ModuleList(part)
            setattr(self, name, part)


def of(kind: str, **parts) -> nn.Module:
    """A Net whose type has this name; numbers and flags become plain attributes."""
    return type(kind, (Net,), {})(**parts)


@dataclass(frozen=True)
class Case:
    """`backup`: globs of what is left to the backup and has more than one row and column.

    Everything else of that kind is a matrix. `layouts`: by glob, as the table prints them.
    """

    model: nn.Module
    backup: str = ""
    layouts: dict[str, str] = field(default_factory=dict)


linear, conv, conv1d, seq = nn.Linear, nn.Conv2d, nn.Conv1d, nn.Sequential


def mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for into, out in zip(widths, widths[1:]):
        layers += [linear(into, out), nn.ReLU()]
    return seq(*layers[:-1])


def attention(width: int = 16) -> nn.Module:
    parts = {name: linear(width, width) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}
    return of("Attention", **parts)


def block(width: int = 16) -> nn.Module:
    return of("Block", norm1=nn.LayerNorm(width), attn=attention(width),
              norm2=nn.LayerNorm(width), mlp=mlp(width, 4 * width, width))  # fmt: skip


class Frozen(nn.Module):
    """A wrapper as FSDP's or a trainer's: one child, under a name of its own."""

    def __init__(self, name: str, child: nn.Module) -> None:
        super().__init__()
        setattr(self, name, child)
