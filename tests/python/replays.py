# SPDX-License-Identifier: Apache-2.0
"""Seeded gradients, replayed by an optimizer of ours and by a plain loop."""

from __future__ import annotations

import torch
from networks import furthest
from torch import Tensor

STEPS = 15


def problem(shapes, dtype=torch.float32):
    """Parameters, STEPS gradients of each, and losses that fall from 3 to below 0."""
    generator = torch.Generator().manual_seed(7)
    make = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    params = {name: make(shape) for name, shape in shapes.items()}
    grads = [{name: make(shape) for name, shape in shapes.items()} for _ in range(STEPS)]
    return params, grads, torch.linspace(3, -4, STEPS, dtype=torch.float64).tolist()


def ours(make, shapes, dtype=torch.float32, steps=STEPS) -> list[Tensor]:
    """How far the parameters went with the optimizer of make({name: parameter})."""
    start, grads, losses = problem(shapes, dtype)
    params = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    optimizer = make(params)
    for grad, loss in zip(grads[:steps], losses, strict=False):
        for name, param in params.items():
            param.grad = grad[name].clone()
        optimizer.observe(torch.tensor(loss, dtype=torch.float64))
        optimizer.step()
    return [params[name].detach() - start[name] for name in shapes]


def plain(step, shapes, dtype=torch.float32) -> list[Tensor]:
    """The same with step(name, w, g, state, k), which moves w in place at step k = 1, 2, .."""
    start, grads, _ = problem(shapes, dtype)
    params = {name: value.clone() for name, value in start.items()}
    states = {name: {} for name in shapes}
    for k, grad in enumerate(grads, 1):
        for name, w in params.items():
            step(name, w, grad[name], states[name], k)
    return [params[name] - start[name] for name in shapes]


def average(state, key: str, x, beta: float):
    """beta a + (1 - beta) x from zero."""
    state[key] = beta * state.get(key, torch.zeros_like(x)) + (1 - beta) * x
    return state[key]


def adamw(w, g, state, k, lr, betas, eps, decay) -> None:
    m = average(state, "m", g, betas[0]) / (1 - betas[0] ** k)
    v = average(state, "v", g * g, betas[1]) / (1 - betas[1] ** k)
    w.mul_(1 - lr * decay).sub_(lr * m / (v.sqrt() + eps))


def check(found, expected, tolerance, what) -> None:
    worst = furthest(found, expected)
    print(what, f"{worst:.2e}")
    assert worst <= tolerance, what
