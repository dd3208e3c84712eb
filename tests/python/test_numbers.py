# SPDX-License-Identifier: Apache-2.0
"""Numbers of every kind as options: taken for what they are, never text, nothing half taken."""

import locale
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch
from classes import CLASSES, MOMO, make, step

import steepest

KINDS = {
    "float32": np.float32,
    "float64": np.float64,
    "0-dim array": np.array,
    "tensor": lambda value: torch.tensor(value, dtype=torch.float64),
    "fraction": Fraction,
    "decimal": lambda value: Decimal(str(value)),
}
NUMBERS = {
    "lr": 0.5,
    "weight_decay": 0.25,
    "momentum": 0.5,
    "dampening": 0.25,
    "backup_lr": 0.125,
    "backup_eps": 0.5**20,
    "eps": 0.5**20,
    "svd_tol": 0.5**8,
    "radius": 0.25,
    "backup_radius": 0.25,
    "backup_weight_decay": 0.25,
}
COUNTS = {"polar_steps": 4, "svd_passes": 3, "ns_steps": 4}
FLAGS = {"nesterov": True, "error_feedback": False, "decoupled_weight_decay": False}
PAIRS = {"betas": (0.5, 0.75), "backup_betas": (0.5, 0.75)}
EVERY = {**NUMBERS, **COUNTS, **FLAGS, **PAIRS}


def build(name, key, value):
    return make(name, [torch.ones(4, 4), torch.ones(4)], **{key: value})


def build_plain(name, key, value):
    """None where the class has no such option, or its row no use for it."""
    try:
        return build(name, key, value)
    except (TypeError, ValueError):
        return None


def run(optimizer):
    step(optimizer)
    return [p.clone() for p in optimizer._params()]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_of_every_kind_are_the_same_number(name, kind):
    for key, value in NUMBERS.items():
        plain = build_plain(name, key, value)
        if plain is None:
            continue
        other = build(name, key, KINDS[kind](value))
        assert all(map(torch.equal, run(plain), run(other))), key
        held = other.param_groups[0].get(key, value)
        assert type(held) in (float, int) or isinstance(held, torch.Tensor), key
        if isinstance(held, torch.Tensor):  # written in place by schedulers
            assert key in ("lr", "weight_decay")


@pytest.mark.parametrize("name", CLASSES)
def test_counts_flags_and_pairs_of_every_kind(name):
    for key, value in {**COUNTS, **FLAGS, **PAIRS}.items():
        plain = build_plain(name, key, value)
        if plain is None:
            continue
        if key in COUNTS:
            others = [float(value), np.int64(value), torch.tensor(value), Fraction(value)]
        elif key in FLAGS:
            others = [int(value), np.bool_(value), torch.tensor(value)]
        else:
            others = [list(value), np.array(value), torch.tensor(value, dtype=torch.float64)]
        for given in others:
            assert build(name, key, given).param_groups[0][key] == value, (key, given)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("key", EVERY)
def test_text_flags_and_nothing_are_no_numbers(name, key):
    bad = ["0.5", "1e-3", b"1", [0.5, 0.5, 0.5], {}, 1j]
    bad += [True, False, np.bool_(True)] if key not in FLAGS else ["false", "", 2, 0.5]
    if key in ("radius", "backup_radius"):
        bad = [value for value in bad if not isinstance(value, str)]
    for value in bad:
        with pytest.raises((TypeError, ValueError), match=f"^{key}|'{key}'") as error:
            make(name, [torch.ones(4, 4)], **{key: value})
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, np.float32("nan")])
def test_numbers_that_are_not_finite_are_refused(name, value):
    for key in NUMBERS:
        with pytest.raises((TypeError, ValueError), match=f"^{key}: received|'{key}'"):
            make(name, [torch.ones(4, 4)], **{key: value})


@pytest.mark.parametrize("name", CLASSES)
def test_pairs_of_another_length_are_refused(name):
    for value in ((), (0.9,), (0.9, 0.95, 0.99), 0.9, "ab", (0.9, "0.95"), (0.9, 1.0)):
        for key in PAIRS:
            with pytest.raises((TypeError, ValueError), match=f"^{key}|'{key}'"):
                make(name, [torch.ones(4)], **{key: value})
            with pytest.raises((TypeError, ValueError), match=r"^param_groups\[0\]: .*betas"):
                make(name, [{"params": [torch.ones(4)], "backup_betas": value}])


def test_the_options_of_one_class_alone():
    ones = [torch.ones(4, 4)]
    for value in ((1, 2), 5, "abc", (1, 2, "3"), [3.0, float("nan"), 2.0]):
        with pytest.raises((TypeError, ValueError), match="^ns_coefficients"):
            steepest.Muon(ones, ns_coefficients=value)
    same = steepest.Muon(ones, ns_coefficients=np.array([3.4445, -4.7750, 2.0315]))
    assert same._plan().recipe["matrix"]["polar"] == "fast_jordan"
    for value in (5.5, True, "5"):
        with pytest.raises((TypeError, ValueError), match="^rank"):
            steepest.Neon(ones, rank=value)
    assert steepest.Neon(ones, rank=np.int64(2))._plan().recipe["matrix"]["norm"] == "ky_fan(k=2)"
    with pytest.raises(ValueError, match="amsgrad: received True"):
        steepest.AdamW([{"params": ones, "amsgrad": True}])
    for word in ("norm", "outer", "update", "svd"):
        for value in (None, 3, ["spectral"]):
            with pytest.raises(TypeError, match=f"^{word}: received .*allowed text"):
                steepest.SteepestDescent(ones, **{word: value})


@pytest.mark.parametrize("name", CLASSES)
def test_a_group_and_a_later_change_are_read_alike(name):
    p = torch.ones(4, 4)
    with pytest.raises(TypeError, match=r'^param_groups\[0\]: lr: received "0.1"'):
        make(name, [{"params": [p], "lr": "0.1"}])
    optimizer = make(name, [p])
    with pytest.raises(TypeError, match=r'^param_groups\[1\]: weight_decay: received "0"'):
        optimizer.add_param_group({"params": [torch.ones(2)], "weight_decay": "0"})
    assert len(optimizer.param_groups) == 1
    for key in ("lr", "weight_decay"):
        kept, before = optimizer.param_groups[0][key], p.clone()
        optimizer.param_groups[0][key] = "0.1"
        with pytest.raises(TypeError, match=f'{key}: received "0.1"'):
            step(optimizer)
        assert torch.equal(p, before)
        optimizer.param_groups[0][key] = np.float32(kept)
        step(optimizer)
        optimizer.param_groups[0][key] = kept


@pytest.mark.parametrize("name", MOMO)
def test_f_star_is_a_number_or_auto(name):
    for value in (np.float32(-2), torch.tensor(-2.0), Fraction(-2), -2):
        optimizer = make(name, [torch.ones(4, 4)], step_size="momo", f_star=value)
        assert optimizer._plan().recipe["f_star"] == -2
    for value in ("1", float("nan"), None, True, "-inf"):
        with pytest.raises((TypeError, ValueError), match="^f_star: received"):
            make(name, [torch.ones(4, 4)], step_size="momo", f_star=value)


def test_numbers_reach_the_engine_under_every_default_dtype_and_locale():
    plan = steepest.SteepestDescent([torch.ones(4, 4)], radius=0.25, svd_tol=1e-3)._plan()
    old = locale.setlocale(locale.LC_NUMERIC)
    try:
        for wanted in ("de_DE.UTF-8", "de_DE.utf8", "C"):
            try:
                locale.setlocale(locale.LC_NUMERIC, wanted)
            except locale.Error:
                continue
            again = steepest.SteepestDescent([torch.ones(4, 4)], radius=np.float32(0.25))._plan()
            assert again.text == plan.text
    finally:
        locale.setlocale(locale.LC_NUMERIC, old)
