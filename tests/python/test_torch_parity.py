# SPDX-License-Identifier: Apache-2.0
"""torch.optim's SGD, Adam, AdamW and Muon, step by step over the same gradients."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

torch.set_num_threads(1)  # as the tool below: bits may depend on it
STEPS = 20
SHAPES = {"square": (12, 12), "wide": (8, 24), "tall": (40, 10)}


def run_torch(make, params, grads):
    """The parameters after each step of the optimizer that make() returns."""
    params = {name: torch.nn.Parameter(p.clone()) for name, p in params.items()}
    optimizer = make(list(params.values()))
    after = []
    for step in grads:
        for name, param in params.items():
            param.grad = step[name].clone()
        optimizer.step()
        after.append({name: p.detach().clone() for name, p in params.items()})
    return after


def run_ours(folder: Path, recipe, params, grads, **options):
    """The same from the library, through the tool that replays gradients."""
    tensors = {f"param.{name}": p for name, p in params.items()}
    for t, step in enumerate(grads):
        tensors |= {f"grad.{t}.{name}": g for name, g in step.items()}
    save_file(tensors, folder / "in.safetensors")
    tool = Path(os.environ["STEEPEST_TOOLS"]) / "tool_replay"
    subprocess.run(
        [tool, recipe, folder / "in.safetensors", folder / "out.safetensors", json.dumps(options)],
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    out = load_file(folder / "out.safetensors")
    return [{name: out[f"{t}.{name}"] for name in params} for t in range(len(grads))]


def problem(shapes, scale=1.0, steps=STEPS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    make = lambda shape: torch.randn(shape, generator=generator)
    params = {name: make(shape) for name, shape in shapes.items()}
    grads = [{name: make(shape) * scale for name, shape in shapes.items()} for _ in range(steps)]
    return params, grads


def largest(ours, theirs):
    """The largest difference, relative to each parameter's largest entry."""
    return max(
        ((a[name] - b[name]).abs().max() / b[name].abs().max()).item()
        for a, b in zip(ours, theirs)
        for name in b
    )


def bit_equal(ours, theirs):
    return all(torch.equal(a[name], b[name]) for a, b in zip(ours, theirs) for name in b)


VECTORS = {**SHAPES, "vector": (17,)}


@pytest.mark.parametrize("nesterov, dampening, decay", [(0, 0, 0), (1, 0, 0.1), (0, 0.3, 0.1)])
def test_sgd(tmp_path, nesterov, dampening, decay):
    params, grads = problem(VECTORS)
    make = lambda ps: torch.optim.SGD(
        ps, lr=0.05, momentum=0.9, nesterov=bool(nesterov), dampening=dampening, weight_decay=decay
    )
    ours = run_ours(
        tmp_path,
        "sgd",
        params,
        grads,
        lr=0.05,
        momentum=0.9,
        nesterov=bool(nesterov),
        dampening=dampening,
        weight_decay=decay,
    )
    worst = largest(ours, run_torch(make, params, grads))
    print("sgd", worst)
    assert worst <= 1e-6


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("decay", [0, 0.1])
def test_adam_and_adamw(tmp_path, name, decay):
    params, grads = problem(VECTORS)
    kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[name]
    make = lambda ps: kind(ps, lr=0.02, weight_decay=decay)
    ours = run_ours(tmp_path, name, params, grads, lr=0.02, weight_decay=decay)
    worst = largest(ours, run_torch(make, params, grads))
    print(name, worst)
    assert worst <= 1e-6


def torch_has(radius):
    try:
        torch.optim.Muon([torch.zeros(2, 2)], adjust_lr_fn=radius)
    except ValueError:
        return False
    return True


RADII = [None, "original", "match_rms_adamw", "spectral_unclamped"]
RADII = [radius for radius in RADII if torch_has(radius)]  # the last came after torch 2.11


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("nesterov", [0, 1])
@pytest.mark.parametrize("decay", [0, 0.1])
def test_muon_bit_for_bit(tmp_path, radius, nesterov, decay):
    params, grads = problem(SHAPES)
    make = lambda ps: torch.optim.Muon(
        ps, lr=0.02, nesterov=bool(nesterov), weight_decay=decay, adjust_lr_fn=radius
    )
    options = {"radius": radius} if radius else {}
    ours = run_ours(
        tmp_path,
        "muon",
        params,
        grads,
        lr=0.02,
        nesterov=bool(nesterov),
        weight_decay=decay,
        polar="jordan",
        **options,
    )
    assert bit_equal(ours, run_torch(make, params, grads))


def test_muon_differs_from_torchs_by_rounding_alone_by_default(tmp_path):
    """bfloat16's unit is 2^-8; a float64 iteration is as far from torch's."""
    params, grads = problem(SHAPES)
    make = lambda ps: torch.optim.Muon(ps, lr=0.02)
    theirs = run_torch(make, params, grads)
    exact = run_ours(tmp_path, "muon", params, grads, lr=0.02, polar_dtype="float64")
    fast = run_ours(tmp_path, "muon", params, grads, lr=0.02)
    assert largest(fast, exact) <= largest(theirs, exact) < 2**-6


@pytest.mark.parametrize("scale", [1e-4, 1e3])
def test_muon_bit_for_bit_at_other_scales(tmp_path, scale):
    params, grads = problem(SHAPES, scale)  # updates of norm 1e-5 and more
    make = lambda ps: torch.optim.Muon(ps, lr=0.02)
    ours = run_ours(tmp_path, "muon", params, grads, lr=0.02, polar="jordan")
    assert bit_equal(ours, run_torch(make, params, grads))


def moves(run, scale):
    """What one step moves parameters that start at zero, whose gradients have this scale."""
    params, grads = problem(SHAPES, scale, steps=1)
    after = run({name: torch.zeros_like(p) for name, p in params.items()}, grads)
    return after[-1]


@pytest.mark.parametrize("scale", [1e-12, 1e-30, 1e30])
def test_muon_is_scale_invariant_where_torchs_is_not(tmp_path, scale):
    torchs = lambda p, g: run_torch(lambda ps: torch.optim.Muon(ps, lr=0.02), p, g)
    library = lambda p, g: run_ours(tmp_path, "muon", p, g, lr=0.02, polar="jordan")
    reference, ours = moves(library, 1.0), moves(library, scale)
    theirs, lost = moves(torchs, 1.0), moves(torchs, scale)
    for name in SHAPES:
        length = reference[name].norm()
        assert (ours[name] - reference[name]).norm() <= 0.05 * length  # bfloat16 roundings differ
        assert torch.equal(theirs[name], reference[name])
        assert not (lost[name].norm() >= 0.5 * length)
