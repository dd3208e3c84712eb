# SPDX-License-Identifier: Apache-2.0
"""steepest.load of a file that is whole, but is not this optimizer's: all or nothing."""

import json
import math
import random

import pytest
import torch
from networks import same
from test_load import squares
from test_tampered import MAKERS, frozen, step, trained

import steepest
from steepest._library import ops

NAMES = sorted(set(MAKERS))
GROUPS = ["lr", "backup_lr_ratio", "weight_decay", "backup_weight_decay"]


def read(optimizer, path):
    """What save has written: tensors and metadata."""
    steepest.save(optimizer, path)
    tensors, keys, text = ops.load_file(str(path))
    return dict(zip(keys, tensors, strict=True)), json.loads(text)


def write(path, tensors, metadata):
    ops.save_file(str(path), list(tensors.values()), list(tensors), json.dumps(metadata))


def changed(tensors, metadata):
    """(what, tensors, metadata): one place of the file is other than it was."""
    for key, value in tensors.items():
        yield f"{key} missing", {k: v for k, v in tensors.items() if k != key}, metadata
        others = [value.to(t) for t in (torch.int64, torch.bool, torch.float16, torch.float64)]
        single = value.float()
        others += [torch.full_like(single, x) for x in (math.nan, math.inf, -5.0, 2.5, 0.0)]
        others += [value[None], torch.cat([value.reshape(-1)] * 2), value.new_empty(0)]
        for other in others:
            yield f"{key} {other.dtype} {tuple(other.shape)}", {**tensors, key: other}, metadata
    for key in ("state.alien.step", "state.0.weight.alien", "global.alien", "alien"):
        yield f"{key} more", {**tensors, key: torch.ones(())}, metadata
    for key in metadata:
        yield f"{key} missing", tensors, {k: v for k, v in metadata.items() if k != key}
        for text in ("", "null", "{}", "[]", "[null]", "5", "{", '"x"', "[" * 5000, "[{}]", "x"):
            yield f"{key} {text[:9]}", tensors, {**metadata, key: text}
    for key in GROUPS:
        groups = json.loads(metadata["groups"])
        for value in ("NaN", "Infinity", "-1.0", '"0.1"', "null", "[]", "true", "1e999"):
            text = json.dumps([{**groups[0], key: "here"}]).replace('"here"', value)
            yield f"groups {key} {value}", tensors, {**metadata, "groups": text}
    choices = json.loads(metadata["choices"])
    for key, value in choices.items():
        if isinstance(value, dict):
            for inner in value:
                text = json.dumps({**choices, key: {**value, inner: "other"}})
                yield f"choices {key}.{inner}", tensors, {**metadata, "choices": text}
        yield f"choices {key}", tensors, {**metadata, "choices": json.dumps({**choices, key: [1]})}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_not_whole_is_refused_or_steps(tmp_path, name):
    source = trained(name, named=True)
    target, path = trained(name, named=True, seeds=(4,)), tmp_path / "a.safetensors"
    tensors, metadata = read(source, path)
    kept, refused = target.state_dict(), 0
    before = frozen(kept)
    every = list(changed(tensors, metadata))
    if name != "muonmax-momo":  # which has all there is
        every = random.Random(len(name)).sample(every, 60)
    for what, other, about in every:
        write(path, other, about)
        try:
            steepest.load(target, path)
        except ValueError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error), what
            assert frozen(target.state_dict()) == before, what
            refused += 1
            continue
        ahead = [p.detach().clone() for p in target._params()]
        step(target, 9)
        assert all(bool(torch.isfinite(p).all()) for p in target._params()), what
        with torch.no_grad():
            for p, value in zip(target._params(), ahead, strict=True):
                p.copy_(value)
        target.load_state_dict(kept)
        assert frozen(target.state_dict()) == before, what
    assert refused > 20


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_class_is_refused(tmp_path, name):
    path = tmp_path / "a.safetensors"
    steepest.save(trained(name, named=True), path)
    for other in NAMES:
        if other.split()[0] == name.split()[0]:
            continue
        target = trained(other, named=True)
        before = frozen(target.state_dict())
        with pytest.raises(ValueError, match="a.safetensors: recipe: received .*, allowed "):
            steepest.load(target, path)
        assert frozen(target.state_dict()) == before


@pytest.mark.parametrize("key", ["momentum", "backup_betas", "radius", "outer", "update", "start"])
def test_choices_are_compared_as_in_cpp(tmp_path, key):
    """Rates come from the file, all else must be the same: those programs have no group options."""
    value = {"momentum": 0.5, "backup_betas": (0.5, 0.5), "radius": "original", "outer": "l2"}
    value |= {"update": "regularized", "start": "zero"}
    make = lambda **options: steepest.SteepestDescent(squares([["a", "v"]])[1][0], **options)
    source, target = make(**{key: value[key]}), make()
    step(source, 1)
    steepest.save(source, tmp_path / "a.safetensors")
    with pytest.raises(ValueError, match=r"a.safetensors: .*received .*, allowed the optimizer's"):
        steepest.load(target, tmp_path / "a.safetensors")
    assert not target.state


def test_wrappers_do_not_count_in_names(tmp_path):
    path = tmp_path / "a.safetensors"
    for theirs, ours in (
        ("module.", ""),
        ("", "_orig_mod."),
        ("module._orig_mod.", "_fsdp_wrapped_module."),
        ("net._checkpoint_wrapped_module.", "net."),
    ):
        first, second = (steepest.Muon(squares([list("abcv")], x)[1][0]) for x in (theirs, ours))
        step(first, 1)
        steepest.save(first, path)
        steepest.load(second, path)
        states = zip(first._params(), second._params(), strict=True)
        assert all(frozen(dict(first.state[p])) == frozen(dict(second.state[q])) for p, q in states)


def test_equal_names_are_refused_by_save(tmp_path):
    net = lambda: torch.nn.Linear(3, 3)
    pairs = [*net().named_parameters(), *net().named_parameters()]
    try:
        optimizer = steepest.Muon(pairs)
    except ValueError:
        return  # not even made
    step(optimizer, 1)
    if len(set(optimizer._plan().names)) == len(pairs):
        steepest.save(optimizer, tmp_path / "a.safetensors")
        steepest.load(optimizer, tmp_path / "a.safetensors")
        return
    with pytest.raises(ValueError, match='names: received "weight" twice'):
        steepest.save(optimizer, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_rate_that_is_not_finite_is_not_saved(tmp_path):
    optimizer = trained("muon", named=True)
    optimizer.param_groups[0]["lr"] = math.nan
    with pytest.raises(ValueError, match="lr: received nan"):
        steepest.save(optimizer, tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_losses_that_no_step_has_used_come_along(tmp_path):
    """A C++ program may save between two micro-batches."""
    path, target = tmp_path / "a.safetensors", trained("muonmax-momo", named=True)
    tensors, metadata = read(target, path)
    tensors["global.observed"] = torch.tensor(6.0, dtype=torch.float64)
    write(path, tensors, metadata)
    with pytest.raises(ValueError, match="received one of global.observed"):
        steepest.load(target, path)
    tensors["global.observed_weight"] = torch.tensor(3.0, dtype=torch.float64)
    write(path, tensors, metadata)
    twin = trained("muonmax-momo", named=True)
    steepest.load(target, path)
    for optimizer, observed in ((target, []), (twin, [2.0])):
        for p in optimizer._params():
            p.grad = torch.ones_like(p)
        optimizer.zero_grad()
        for p in optimizer._params():
            p.grad = torch.ones_like(p)
        for loss in observed:
            optimizer.observe(loss, weight=3)
    target._observations.clear()
    steepest.load(target, path)
    for optimizer in (target, twin):
        for p in optimizer._params():
            p.grad = torch.ones_like(p)
        optimizer.step()
    assert same([p.detach() for p in target._params()], [p.detach() for p in twin._params()])


def test_a_held_state_dict_outlives_a_file(tmp_path):
    target = trained("muonmax-momo", named=True)
    held, copied = target.state_dict(), frozen(target.state_dict())
    steepest.save(trained("muonmax-momo", named=True, seeds=(7, 8, 9)), tmp_path / "a.safetensors")
    steepest.load(target, tmp_path / "a.safetensors")
    assert frozen(held) == copied != frozen(target.state_dict())
    step(target, 3)
    assert frozen(held) == copied
