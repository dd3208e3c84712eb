# SPDX-License-Identifier: Apache-2.0
"""A small network and its training, for the tests of the Python package."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def make_net(dtype=torch.float32) -> nn.Sequential:
    generator = torch.Generator().manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 12), nn.GELU(), nn.Linear(12, 8), nn.LayerNorm(8))
    for param in net.parameters():
        values = torch.randn(param.shape, generator=generator) * 0.3
        param.data.copy_(values)
    return net.to(dtype)


def batch(step: int, dtype=torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    x = torch.randn(16, 6, generator=generator)
    return x.to(dtype), torch.sin(x @ torch.ones(6, 8)).to(dtype)


def loss_of(net: nn.Module, step: int) -> Tensor:
    x, y = batch(step, next(net.parameters()).dtype)
    return (net(x) - y).square().mean()


def train(net: nn.Module, optimizer, steps: range, observe: bool = True) -> list[float]:
    """The losses; Momo is given each."""
    losses = []
    for step in steps:
        optimizer.zero_grad()
        loss = loss_of(net, step)
        if observe and hasattr(optimizer, "observe"):
            optimizer.observe(loss)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def weights(net: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in net.parameters()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def goes_on(make) -> bool:
    """Whether a run of 8 steps, saved and loaded into a new optimizer after 4, has the same bits.

    ``make(params)`` makes the optimizer.
    """
    nets = [make_net(), make_net()]
    whole, first = (make(net.parameters()) for net in nets)
    train(nets[0], whole, range(8))
    train(nets[1], first, range(4))
    again = make(nets[1].parameters())
    again.load_state_dict(first.state_dict())
    train(nets[1], again, range(4, 8))
    return same(weights(nets[0]), weights(nets[1]))


def furthest(a: list[Tensor], b: list[Tensor]) -> float:
    """The largest difference, relative to each tensor's largest entry."""
    pairs = zip(a, b, strict=True)
    return max(((x - y).abs().max() / y.abs().max()).item() for x, y in pairs)


def step_with(optimizer, grads) -> None:
    """One step with these gradients."""
    for p, g in zip(optimizer._params(), grads, strict=True):
        p.grad = g
    optimizer.step()
