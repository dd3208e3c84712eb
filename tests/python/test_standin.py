# SPDX-License-Identifier: Apache-2.0
"""Every optimizer on the stand-in device: the CPU's numbers by an accelerator's branches."""

from __future__ import annotations

import sys
from pathlib import Path

import classes
import pytest
import standin
import torch
from networks import furthest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import launches  # noqa: E402

DEVICE = standin.load()
SHAPES = ((8, 12), (8, 12), (12, 8), (6, 6), (12,), (8,), (4, 3, 3, 3))
STEPS = 4
DTYPES = {torch.float64: 1e-9, torch.float32: 3e-4}


def parameters(dtype: torch.dtype, device: torch.device) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    return [torch.nn.Parameter(v.to(device, dtype)) for v in values]


def trained(name: str, options, dtype: torch.dtype, device) -> list[torch.Tensor]:
    params = parameters(dtype, torch.device(device))
    optimizer = classes.make(name, params, **options)
    for t in range(STEPS):
        classes.step(optimizer, t)
    return [p.detach().cpu().double() for p in params]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(("name", "options"), classes.KINDS, ids=classes.IDS)
def test_every_row_ends_where_it_ends_on_the_cpu(name, options, dtype):
    received = trained(name, options, dtype, DEVICE)
    assert furthest(received, trained(name, options, dtype, "cpu")) < DTYPES[dtype]


# Whose launches grow with the number of blocks, by the part that goes through them one by one.
BY_MATRIX = {
    "geometries": ("muonh", "adamh", "muown"),
    "eigenvectors, whose refreshes are staggered": (
        "soap",
        "kl-soap",
        "shampoo",
        "asgo",
        "kl-shampoo",
        "shampoomax",
    ),
    "truncated decompositions": ("neon", "f-star", "fanion", "k-rank", "f-neon"),
}
IN_LISTS = [
    each for each in classes.KINDS if not any(each[0] in names for names in BY_MATRIX.values())
]
BLOCK = ((12, 8), (8, 8), (8,), (16, 8), (8, 16))


def counts_of(name: str, options, blocks: int) -> dict[str, int]:
    """What the third step of a model of equal blocks asks of the device; its loss lies there."""
    params = [torch.nn.Parameter(torch.randn(s).to(DEVICE)) for _ in range(blocks) for s in BLOCK]
    optimizer = classes.make(name, params, **options)
    loss = torch.ones((), device=DEVICE)

    def act() -> None:
        optimizer.step(loss=loss) if optimizer._momo() else optimizer.step()

    for _ in range(3):
        for p in params:
            p.grad = torch.randn(p.shape).to(DEVICE)
        counts = standin.counted(act)
    return counts


@pytest.mark.parametrize(("name", "options"), IN_LISTS, ids=lambda v: str(v))
def test_a_step_asks_the_device_as_often_for_six_blocks_as_for_two(name, options):
    two, six = counts_of(name, options, 2), counts_of(name, options, 6)
    assert six["launch"] == two["launch"] > 0
    assert six["host_read"] == two["host_read"] == 0
    assert six["upload"] == two["upload"] == 0


# At most so many launches of GPT-2 small's 148 tensors, small ones, which iterate side by side, and
# larger ones, in Gram form.
MOST = {"muon": 58, "muon-adam": 58, "scion": 51, "adamw": 12, "adam": 12, "lion": 12, "sgd": 12}
MOST |= {"normuon": 166, "muonmax": 380}  # a bucket for each shape


@pytest.mark.parametrize("width", [48, 128])
@pytest.mark.parametrize("name", MOST)
def test_the_launches_of_a_model_of_the_shapes_of_gpt_2(name, width):
    counts = launches.counts_of(launches.gpt2(width).to(DEVICE), launches.rows([name])[name])
    assert 0 < counts["launch"] <= MOST[name]
    assert counts["host_read"] == counts["upload"] == 0


@pytest.mark.parametrize(("width", "most"), [(48, 42), (128, 50)])
def test_the_launches_of_twelve_equal_blocks(width, most):
    counts = launches.counts_of(launches.blocks(width).to(DEVICE), launches.rows(["muon"])["muon"])
    assert 0 < counts["launch"] <= most


@pytest.mark.parametrize("name", ["muon", "muon-adam", "scion", "muonmax", "soap"])
@pytest.mark.parametrize("options", [{}, {"step_size": "momo"}], ids=["fixed", "momo"])
def test_a_step_between_two_devices(name, options):
    """Half of the model elsewhere: the step is that of one device."""
    on_two = [torch.device("standin:1") if i % 4 > 1 else DEVICE for i in range(2 * len(SHAPES))]

    def train(devices) -> list[torch.Tensor]:
        params = parameters(torch.float64, torch.device("cpu"))
        params = [p.detach() * scale for p in params for scale in (1, 2)]
        params = [torch.nn.Parameter(p.to(d)) for p, d in zip(params, devices, strict=True)]
        optimizer = classes.make(name, params, **options)
        for t in range(STEPS):
            classes.step(optimizer, t)
        return [p.detach().cpu() for p in params]

    assert furthest(train(on_two), train(["cpu"] * 2 * len(SHAPES))) < 1e-9


@pytest.mark.parametrize("name", ["muon", "soap", "normuon", "neon", "muonmax"])
def test_a_run_goes_on_where_another_device_left_it(name):
    """Saved on the device and loaded on the CPU, and back."""

    def go_on(first, second) -> list[torch.Tensor]:
        params = parameters(torch.float64, torch.device(first))
        optimizer = classes.make(name, params)
        for t in range(2):
            classes.step(optimizer, t)
        moved = [torch.nn.Parameter(p.detach().to(second, copy=True)) for p in params]
        again = classes.make(name, moved)
        again.load_state_dict(optimizer.state_dict())
        for t in range(2, STEPS):
            classes.step(again, t)
        return [p.detach().cpu() for p in moved]

    expected = go_on("cpu", "cpu")
    assert furthest(go_on(DEVICE, "cpu"), expected) < 1e-9
    assert furthest(go_on("cpu", DEVICE), expected) < 1e-9
