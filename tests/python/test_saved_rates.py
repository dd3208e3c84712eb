# SPDX-License-Identifier: Apache-2.0
"""Rates in state_dicts, files and pickles, also in those that older versions have saved."""

import copy
import json

import pytest
import torch
from networks import make_net, same, train, weights
from test_group_rates import by_role, rates

import steepest
from steepest._library import ops


def as_saved_before(group, role_said):
    """A saved group as it was when lr was a base, with factor 1/2 for what is no matrix."""
    backup = group["role"] == "backup" or (group["role"] is None and not role_said)
    old = {**group, "lr_ratio": 0.5 if backup and role_said else 1.0, "backup_lr_ratio": 0.5}
    return old | ({"lr": group["lr"] * 2, "initial_lr": group["lr"] * 2} if backup else {})


def twins(params, kind="Muon"):
    """Two optimizers of the same weights, the first of which has trained."""
    nets = make_net(), make_net()
    make = getattr(steepest, kind)
    pair = [make(params(net), lr=0.02, backup_lr=0.01) for net in nets]
    train(nets[0], pair[0], range(3))
    nets[1].load_state_dict(nets[0].state_dict())
    return nets, pair


def split(net):
    """Two groups that say no role: the matrices, the vectors."""
    params = list(net.parameters())
    return [{"params": [p for p in params if p.dim() == n]} for n in (2, 1)]


@pytest.mark.parametrize(
    "params",
    [lambda net: net, lambda net: net.parameters(), split],
    ids=["routed", "both", "split"],
)
def test_old_state_dicts_load_with_the_rates_that_they_meant(params):
    nets, (first, second) = twins(params)
    saved = copy.deepcopy(first.state_dict())
    role_said = saved["param_groups"][0]["role"] is not None
    alone = len(saved["param_groups"]) == 1
    saved["param_groups"] = [
        {**g, "lr_ratio": 1.0} if alone or (g["lr"] == 0.02) else as_saved_before(g, role_said)
        for g in saved["param_groups"]
    ]
    second.load_state_dict(saved)
    assert rates(second) == rates(first)
    for net, optimizer in zip(nets, (first, second), strict=True):
        train(net, optimizer, range(3, 6))
    assert same(weights(nets[0]), weights(nets[1]))
    for group in second.param_groups:
        assert "lr_ratio" not in group
        assert group.get("initial_lr", group["lr"]) == group["lr"]


@pytest.mark.parametrize(
    "params",
    [lambda net: net, lambda net: net.parameters(), split],
    ids=["routed", "both", "split"],
)
def test_old_files_load_with_the_rates_that_they_meant(tmp_path, params):
    nets, (first, second) = twins(params)
    path = tmp_path / "opt.safetensors"
    steepest.save(first, path)
    tensors, names, text = ops.load_file(str(path))
    metadata = json.loads(text)
    groups = json.loads(metadata["groups"])
    role_said = first.param_groups[0]["role"] is not None
    for group in groups:
        ratio = group.pop("backup_lr_ratio")
        backup = group["lr"] == 0.01
        group["lr_ratio"] = 0.5 if backup and role_said else 1.0
        group["backup_ratio"] = 0.5 if backup or not role_said else ratio
        group["lr"] *= 2 if backup else 1
    ops.save_file(str(path), tensors, names, json.dumps({**metadata, "groups": json.dumps(groups)}))
    second.param_groups[0]["lr"] = 1.0
    steepest.load(second, path)
    assert rates(second) == rates(first)


def test_old_pickles_load_with_the_rates_that_they_meant():
    net = make_net()
    optimizer = steepest.Muon(net, lr=0.02, backup_lr=0.01)
    train(net, optimizer, range(1))
    state = optimizer.__getstate__()
    state["defaults"] = {**state["defaults"], "lr_ratio": 1.0, "backup_lr_ratio": 0.5}
    del state["defaults"]["backup_lr"]
    state["param_groups"] = [
        {**g, "lr": 0.02, "lr_ratio": 0.5 if g["role"] == "backup" else 1.0, "backup_lr_ratio": 0.5}
        for g in state["param_groups"]
    ]
    again = steepest.Muon.__new__(steepest.Muon)
    again.__setstate__(state)
    assert by_role(again) == {"matrix": 0.02, "backup": 0.01}
    again.add_param_group({"params": [("b", torch.ones(3))], "role": "backup"})
    assert again.param_groups[-1]["lr"] == 0.01


def test_files_keep_the_rates(tmp_path):
    for params in (lambda net: net, lambda net: net.parameters(), split):
        nets, (first, second) = twins(params)
        first.param_groups[-1]["lr"] *= 0.5
        steepest.save(first, tmp_path / "opt.safetensors")
        steepest.load(second, tmp_path / "opt.safetensors")
        assert rates(second) == rates(first)
