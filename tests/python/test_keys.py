# SPDX-License-Identifier: Apache-2.0
"""Group keys that are no options: another tool's data, or a mistake."""

import pytest
import torch
from classes import CLASSES, make, said


@pytest.mark.parametrize(
    "keys",
    [
        {"kind": "expert"},
        {"rho": 0.05, "adaptive": True},
        {"lr_scale": 0.5, "group_names": ["a"], "no_weight_decay": True, "layer_id": 3},
        {"weight_decay_mult": 0.1, "lr_mult": 2.0, "is_expert": True, "name": "a", "fisher": 1},
        {"amsgrad": False, "ns_steps": None},
    ],
)
@pytest.mark.parametrize("name", CLASSES)
def test_data_of_other_tools_in_a_group_is_theirs(name, keys):
    optimizers = []
    keys = {key: value for key, value in keys.items() if key != "ns_steps" or name != "muon"}
    group = {"params": [torch.ones(4, 4)], **keys}
    assert said(lambda: optimizers.append(make(name, [group]))) == []
    assert all(optimizers[0].param_groups[0][key] == value for key, value in keys.items())


@pytest.mark.parametrize(
    "key, advice",
    [
        ("momentm", "write momentum"),
        ("Weight_Decay", "write weight_decay"),
        ("wieght_decay", "write weight_decay"),
        ("maximise", "write maximize"),
        ("scale", "write radius"),
        ("learning_rate", "write lr"),
    ],
)
def test_a_key_that_was_meant_as_an_option_is_said_to_have_no_effect(key, advice):
    for name in CLASSES:
        messages = said(lambda: make(name, [{"params": [torch.ones(4, 4)], key: 0.5}]))  # noqa: B023
        assert len(messages) == 1 and f"has no effect: {advice}" in messages[0], name


def test_nanochats_kinds_are_roles():
    for kind, role in (("muon", "matrix"), ("adamw", "backup"), ("other", None)):
        optimizer = make("muon", [{"params": [torch.ones(4, 4)], "kind": kind}])
        assert optimizer.param_groups[0]["role"] == role
