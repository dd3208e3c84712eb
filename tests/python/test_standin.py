# SPDX-License-Identifier: Apache-2.0
"""Every optimizer on the stand-in device: the CPU's numbers by an accelerator's branches."""

from __future__ import annotations

import classes
import pytest
import standin
import torch

DEVICE = standin.load()
SHAPES = ((8, 12), (8, 12), (12, 8), (6, 6), (12,), (8,), (4, 3, 3, 3))
STEPS = 4
DTYPES = {torch.float64: 1e-9, torch.float32: 3e-4}


def parameters(dtype: torch.dtype, device: torch.device) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    return [torch.nn.Parameter(v.to(device, dtype)) for v in values]


def step(optimizer, t: int) -> None:
    generator = torch.Generator().manual_seed(40 + t)
    for p in optimizer._params():
        p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p)
    optimizer.step(loss=2.0 - t / 8) if optimizer._momo() else optimizer.step()


def trained(name: str, options, dtype: torch.dtype, device) -> list[torch.Tensor]:
    params = parameters(dtype, torch.device(device))
    optimizer = classes.make(name, params, **options)
    for t in range(STEPS):
        step(optimizer, t)
    return [p.detach().cpu().double() for p in params]


def furthest(received: list[torch.Tensor], expected: list[torch.Tensor]) -> float:
    pairs = zip(received, expected, strict=True)
    return max(float((a - b).abs().max() / b.abs().max()) for a, b in pairs)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "options"), classes.KINDS, ids=classes.IDS)
def test_every_row_ends_where_it_ends_on_the_cpu(name, options, dtype):
    received = trained(name, options, dtype, DEVICE)
    assert furthest(received, trained(name, options, dtype, "cpu")) < DTYPES[dtype]
