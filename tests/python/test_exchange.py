# SPDX-License-Identifier: Apache-2.0
"""Switching: torch's state_dicts, the C++ library's files and steps, merged optimizers."""

import functools
import inspect
import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from networks import furthest, make_net, train, weights
from safetensors.torch import load_file, save_file

import steepest
from steepest import _options
from steepest._library import ops

NAMES = [row["name"] for row in json.loads(ops.catalog())]
STEPS = 20


def gradients(shapes, steps=STEPS):
    generator = torch.Generator().manual_seed(5)
    draw = lambda shape: torch.randn(shape, generator=generator)
    params = {name: draw(shape) for name, shape in shapes.items()}
    grads = [{name: draw(shape) for name, shape in shapes.items()} for _ in range(steps)]
    losses = [2.0 / (1 + t) for t in range(steps)]
    return params, grads, losses


SHAPES = {"w1": (12, 8), "w2": (6, 16), "b1": (12,), "kernel": (4, 3, 2, 2)}


def replay(folder: Path, recipe: str, params, grads, losses, options):
    """The parameters after each step of the C++ optimizer."""
    tensors = {f"param.{name}": p for name, p in params.items()}
    for t, step in enumerate(grads):
        tensors |= {f"grad.{t}.{name}": g for name, g in step.items()}
        tensors[f"loss.{t}"] = torch.tensor(losses[t])
    save_file(tensors, folder / "in.safetensors")
    tool = Path(os.environ["STEEPEST_TOOLS"]) / "tool_replay"
    files = [folder / "in.safetensors", folder / "out.safetensors"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([tool, recipe, *files, json.dumps(options)], check=True, env=environment)
    return load_file(folder / "out.safetensors")


VARIANTS = [(name, {}) for name in NAMES] + [
    ("muonmax-momo", {"duals": "stale"}),
    ("muonmax-momo", {"duals": "stale", "backup_blocks": "flattened", "nesterov": True}),
    ("polargrad-momo", {"momo_model": "recursive", "weight_decay": 0.1, "start": "corrected"}),
    ("polargrad", {"directions": "recomputed", "backup": "l2"}),
    ("scion-momo", {"outer": "hybrid", "update": "regularized", "f_star": 0.3}),
    (
        "muon-adam",
        {"norm": "0.5*spectral+0.5*inf", "radius": "50*scion", "momentum_form": "heavy_ball"},
    ),
    ("sgd", {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    ("muon", {"momentum_place": "after", "polar": "svd", "polar_dtype": "float64"}),
    ("neon", {"svd": "block_krylov", "svd_tol": 1e-5}),
    ("muon", {"momentum_dtype": "bfloat16", "lr": 0.05, "backup_lr": 0.01}),
    ("muon-momo", {"lr_auto": True, "polar": "svd"}),
    ("muonmax-momo", {"lr_auto": True, "nesterov": True, "directions": "recomputed"}),
    ("scion-momo", {"f_star_rule": "level", "lr": 1.0}),
    ("muonmax-momo", {"f_star_rule": "momo_star", "outer": "l2"}),
    ("adamw-momo", {"lr_auto": True, "decay": "anchored", "nonfinite": "skip"}),
]


@pytest.mark.parametrize("name, options", VARIANTS)
def test_twenty_steps_are_the_cpp_optimizers_bit_for_bit(tmp_path, name, options):
    params, grads, losses = gradients(SHAPES)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        ordered = sorted(params)  # the order of the file's header
        own = {n: torch.nn.Parameter(params[n].clone()) for n in ordered}
        roles = ["matrix" if params[n].dim() == 2 else "backup" for n in ordered]
        group = {"params": list(own.items()), "roles": roles}
        own_options = dict(options)
        if own_options.pop("lr_auto", False):
            own_options["lr"] = "auto"
        optimizer = steepest.make(name, [group], **own_options)
        first = {n: params[n] for n in ordered}
        expected = replay(tmp_path, name, first, grads, losses, options)
        for t, step in enumerate(grads):
            for n, p in own.items():
                p.grad = step[n].clone()
            optimizer.observe(torch.tensor(losses[t]))  # float32, as in the file
            optimizer.step()
            for n, p in own.items():
                assert torch.equal(p.detach(), expected[f"{t}.{n}"]), (t, n)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_has_its_rows_choices(name):
    optimizer = steepest.make(name, make_net().named_parameters())
    mine, row = optimizer._plan().recipe, json.loads(ops.row(name, "{}"))
    free = {"paper", "equation", "matrix", "backup"}
    assert {k: v for k, v in mine.items() if k not in free} == {
        k: v for k, v in row.items() if k not in free
    }
    for side in ("matrix", "backup"):
        own, wanted = dict(mine[side]), dict(row[side])
        for chosen in (own, wanted):  # rates are the group's; a backup norm needs no polar factor
            del chosen["lr"], chosen["weight_decay"]
            if side == "backup":
                chosen = [chosen.pop(k) for k in list(chosen) if k.startswith("polar")]
        assert own == wanted, side
    lr, decay, _ = optimizer._plan().rates(
        [optimizer._canonical(g) for g in optimizer.param_groups]
    )
    assert lr == [row["matrix"]["lr"], pytest.approx(row["backup"]["lr"], rel=1e-15)]
    assert decay == [row["matrix"]["weight_decay"], row["backup"]["weight_decay"]]


def test_every_option_reaches_the_engine():
    """Each choice changes the plan: none is dropped between Python and C++."""
    base = steepest.SteepestDescent([torch.zeros(3, 4), torch.zeros(3)])._plan().recipe
    changes = {
        "norm": "nuclear",
        "backup": "inf",
        "outer": "l2",
        "update": "regularized",
        "step_size": "momo",
        "f_star": 0.5,
        "duals": "stale",
        "directions": "recomputed",
        "momo_model": "recursive",
        "backup_blocks": "flattened",
        "radius": "original",
        "backup_radius": "0.5",
        "momentum": 0.5,
        "nesterov": True,
        "momentum_form": "heavy_ball",
        "start": "zero",
        "momentum_place": "after",
        "backup_betas": (0.8, 0.9),
        "backup_eps": 1e-4,
        "bias_correction": True,
        "decoupled_weight_decay": False,
        "polar": "jordan",
        "polar_steps": 9,
        "polar_dtype": torch.float64,
        "svd": "power",
        "svd_tol": 1e-2,
        "svd_passes": 7,
        "momentum_dtype": torch.float32,
        "nonfinite": "skip",
    }
    for key, value in changes.items():
        params = [torch.zeros(3, 4), torch.zeros(3)]
        assert steepest.SteepestDescent(params, **{key: value})._plan().recipe != base, key
    level = steepest.SteepestDescent([torch.zeros(2, 2)], f_star="auto")._plan().recipe
    assert level["f_star_rule"] == "level"


# -- torch's optimizers of the same name -----------------------------------------------------------


def matrices(net):
    return [p for p in net.parameters() if p.dim() == 2]


TWINS = {
    "Muon": (matrices, {"lr": 0.02}, 0.0),
    "Muon six steps": (matrices, {"lr": 0.02, "ns_steps": 6}, 0.0),
    "Muon nesterov off, coefficients": (
        matrices,
        {"lr": 0.02, "nesterov": False, "ns_coefficients": (3.0, -4.0, 1.9), "ns_steps": 6},
        0.0,
    ),
    "AdamW": (lambda net: list(net.parameters()), {"lr": 0.01}, 2e-7),
    "Adam": (lambda net: list(net.parameters()), {"lr": 0.01, "weight_decay": 0.1}, 2e-6),
    "SGD": (
        lambda net: list(net.parameters()),
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True},
        0.0,
    ),
}


@pytest.mark.parametrize("twin", TWINS)
@pytest.mark.parametrize("back", [False, True])
def test_training_goes_on_from_a_state_dict_of_the_class_of_that_name(twin, back):
    choose, options, bound = TWINS[twin]
    name = twin.split()[0]
    theirs, ours = getattr(torch.optim, name), getattr(steepest, name)
    if name == "Muon" and "ns_coefficients" not in options:
        ours = functools.partial(ours, polar="jordan")  # torch's bits
    first, second = (ours, theirs) if back else (theirs, ours)
    reference = make_net()
    train(reference, theirs(choose(reference), **options), range(10))
    net = make_net()
    before = first(choose(net), **options)
    train(net, before, range(5))
    after = second(choose(net))  # the options come with the state
    after.load_state_dict(before.state_dict())
    train(net, after, range(5, 10))
    difference = furthest(weights(net), weights(reference))
    assert difference <= bound * 10


def test_two_optimizers_merge_into_one():
    rest = lambda n: [p for p in n.parameters() if p.dim() != 2]
    pair = lambda n: (torch.optim.Muon(matrices(n), lr=0.02), torch.optim.AdamW(rest(n), lr=1e-3))
    reference, twin = make_net(), make_net()
    train(reference, _Both(*pair(reference)), range(10))
    m, a = pair(twin)
    train(twin, _Both(m, a), range(5))
    states = m.state_dict(), a.state_dict()
    one = steepest.Muon(twin.parameters(), lr=0.02, backup_lr=1e-3, polar="jordan")
    one.load_torch_state(*states)
    train(twin, one, range(5, 10))
    assert furthest(weights(twin), weights(reference)) < 1e-6
    before = one.state_dict()["state"]
    for bad, message in (
        ((a.state_dict(), m.state_dict()), "received 4 parameters, allowed 2"),
        ((m.state_dict(), {}), "received no param_groups"),
        ((states[0],) * 3, "received 3 state_dicts"),
    ):
        with pytest.raises(ValueError, match=message):
            one.load_torch_state(*bad)
    assert one.state_dict()["state"] == before


class _Both:
    def __init__(self, *optimizers):
        self.optimizers = optimizers

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()


def test_options_keep_their_names():
    """The group keys are the signature's, so that a group may override what a constructor has."""
    signature = set(inspect.signature(steepest.SteepestDescent).parameters) - {"process_group"}
    group = steepest.SteepestDescent([torch.zeros(2, 2)]).param_groups[0]
    assert signature - {"params", "backup_lr"} <= set(group)
    assert set(_options.NETWORK) <= set(group)
