# SPDX-License-Identifier: Apache-2.0
"""The default learning rates: one number for the class and the row, each with its evidence."""

import importlib.util
import inspect
import sys
import warnings
from pathlib import Path

import pytest
import torch
from networks import make_net
from torch import nn

import steepest
from steepest.catalog import CLASSES

FOLDER = Path(__file__).parents[2] / "experiments/rates"
# Rows with torch's rate, and those for which no rate of the grid holds: docs/choosing.md.
WITHOUT = {"sgd", "adam", "adamw", "f-star", "k-rank", "shampoo", "asgo", "shampoomax"}


@pytest.fixture(scope="module")
def judge():
    spec = importlib.util.spec_from_file_location("judge", FOLDER / "judge.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["judge"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", CLASSES)
def test_a_default_is_within_a_tenth_of_the_best_on_three_of_four_trainings(judge, row):
    found = judge.judged(judge.recorded(), row)
    assert found is not None and set(found) == set(judge.TASKS)
    holds = sum(own <= judge.TOLERANCE * best for own, best, _ in found.values())
    assert (holds < 3) if row in WITHOUT else (holds >= 3)


@pytest.mark.parametrize("row", CLASSES)
def test_a_class_has_the_rate_of_its_row(judge, row):
    lr, backup_lr = judge.default_rates(row)
    said = inspect.signature(CLASSES[row]).parameters["lr"].default
    assert said == (None if row == "muon" else lr)
    groups = steepest.make(row, make_net()).param_groups
    assert {g["role"]: g["lr"] for g in groups} == {"matrix": lr, "backup": backup_lr}


def test_bare_tensors_have_torchs_rate_and_are_told_of_it():
    net = make_net()
    default = inspect.signature(torch.optim.Muon).parameters["lr"].default
    bare = [
        [p for p in net.parameters() if p.dim() == 2],
        net.parameters(),
        [{"params": [p for p in net.parameters() if p.dim() == 2]}],
        next(net.parameters()),
    ]
    for params in bare:
        with pytest.warns(
            UserWarning, match=r"^steepest: Muon: lr: received none for bare tensors"
        ):
            try:
                optimizer = steepest.Muon(params)
            except TypeError:  # torch refuses one tensor alone
                continue
        assert optimizer.param_groups[0]["lr"] == default


def test_routed_parameters_have_the_rows_rate_in_silence():
    net = make_net()
    routed = [
        net,
        net.named_parameters(),
        steepest.route(net),
        [{"params": [net[0].weight], "role": "matrix"}],
        [{"params": [net[0].weight], "use_muon": True}],
        [{"params": [("0.weight", net[0].weight)]}],
    ]
    for params in routed:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            optimizer = steepest.Muon(params)
        assert optimizer.param_groups[0]["lr"] == steepest.Muon(net).param_groups[0]["lr"] > 1e-2


def test_muon_trains_at_its_defaults():
    """An MLP on a rotation, 200 steps: AdamW's default is no better."""

    def ends_at(make):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)
        )
        optimizer = make(net)
        x = torch.randn(256, 16)
        y = (x @ torch.randn(16, 4)).argmax(1)
        for _ in range(200):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
        return loss.item()

    assert ends_at(steepest.Muon) < ends_at(lambda net: torch.optim.AdamW(net.parameters()))
