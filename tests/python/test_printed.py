# SPDX-License-Identifier: Apache-2.0
"""print(optimizer) fits a screen and shows what matters."""

import copy

import pytest
import torch
from classes import CLASSES, KINDS, make
from torch import nn

import steepest


def transformer():
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def fits(text):
    lines = text.split("\n")
    return len(lines) <= 24 and max(map(len, lines)) <= 110


def test_a_routed_module():
    optimizer = steepest.Muon(transformer(), lr=0.02, backup_lr=1e-3, polar="svd")
    assert repr(optimizer).split("\n") == [
        "Muon (recipe muon, update constrained, outer max, step_size fixed",
        "    options: polar svd",
        "  group 0: 2 matrices: lr 0.02, weight_decay 0.1, momentum 0.95, norm spectral",
        "    options: split_sizes [16, 16, 16]",
        "  group 1: 6 matrices: lr 0.02, weight_decay 0.1, momentum 0.95, norm spectral",
        "  group 2: 16 non-matrix tensors: lr 0.001, weight_decay 0.01, momentum 0.9, norm ada_inf",
        ")",
    ]


@pytest.mark.parametrize("name, options", KINDS)
def test_a_class_at_its_defaults_shows_no_option(name, options):
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    optimizer = CLASSES[name](model, **options)
    text = repr(optimizer)
    assert fits(text) and "options:" not in text
    assert text.startswith(type(optimizer).__name__ + " (recipe ")
    assert f"norm {optimizer.param_groups[0]['norm']}" in text


def test_many_groups_are_cut_and_counted():
    weights = [nn.Parameter(torch.zeros(3, 3)) for _ in range(60)]
    groups = [{"params": [w], "lr": 0.1 * i} for i, w in enumerate(weights)]
    text = repr(steepest.AdamW(groups, nonfinite="skip"))
    assert fits(text) and "nonfinite skip" in text
    assert "more groups of 4" in text and "group 0: 1 matrix: lr 0," in text


def test_rates_are_those_of_now():
    model = transformer()
    optimizer = steepest.MuonMax(model, lr=0.5, step_size="momo", f_star=0.25)
    assert "recipe muonmax-momo" in repr(optimizer) and "f_star 0.25" in repr(optimizer)
    for group in optimizer.param_groups:
        group["lr"] = 0.125
    assert "matrices: lr 0.125," in repr(optimizer)


def test_one_group_of_both_roles_has_two_lines():
    optimizer = make("muon", list(nn.Linear(4, 4).parameters()), lr=0.1)
    assert repr(optimizer).count("group 0:") == 2
    assert "group 0: 1 matrix: lr 0.1" in repr(optimizer)


def test_printing_changes_nothing_and_never_fails():
    optimizer = make("muonmax", transformer())
    cache = optimizer._cache
    optimizer.param_groups[0]["norm"] = "nonsense"
    assert "norm: nonsense" in repr(optimizer)  # torch's own text
    assert optimizer._cache is cache
    optimizer.param_groups.clear()
    assert repr(optimizer).startswith("MuonMax (")
    assert fits(repr(copy.deepcopy(make("scion", transformer()))))
