# SPDX-License-Identifier: Apache-2.0
"""A load is the same in any mode of torch, and an optimizer's copies go on like itself."""

import copy
import pickle

import numpy as np
import pytest
import torch
from networks import make_net, same, train, weights
from test_tampered import MAKERS, frozen, step, trained

import steepest


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("how", ["inference", "device", "float64", "weights_only", "numpy"])
def test_a_load_is_the_same_anywhere(tmp_path, name, how):
    source = trained(name, named=True)
    target, twin = trained(name, named=True, seeds=()), trained(name, named=True)
    state_dict = source.state_dict()
    if how == "inference":
        with torch.inference_mode():
            target.load_state_dict(state_dict)
    elif how == "device":
        with torch.device("meta"):
            target.load_state_dict(state_dict)
    elif how == "float64":
        torch.set_default_dtype(torch.float64)
        target.load_state_dict(state_dict)
        torch.set_default_dtype(torch.float32)
    elif how == "weights_only":
        torch.save(state_dict, tmp_path / "a.pt")
        target.load_state_dict(torch.load(tmp_path / "a.pt", weights_only=True))
    else:
        for group in state_dict["param_groups"]:
            for key, value in group.items():
                if isinstance(value, float):
                    group[key] = np.float64(value)
        target.load_state_dict(state_dict)
        assert not any(isinstance(v, np.generic) for v in target.param_groups[0].values())
    with torch.no_grad():
        for p, q in zip(target._params(), source._params(), strict=True):
            p.copy_(q)
    step(target, 5), step(twin, 5)
    assert same(weights_of(target), weights_of(twin))


def weights_of(optimizer):
    return [p.detach() for p in optimizer._params()]


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("how", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))])
@pytest.mark.parametrize("when", ["fresh", "stepped", "loaded"])
def test_copies_in_every_state_go_on_alike(name, how, when):
    optimizer = trained(name, named=True, seeds=() if when == "fresh" else (1, 2))
    if when == "loaded":
        optimizer.load_state_dict(trained(name, named=True, seeds=(3, 4)).state_dict())
    twin = how(optimizer)
    for seed in (5, 6):
        step(optimizer, seed), step(twin, seed)
    assert same(weights_of(optimizer), weights_of(twin))
    assert frozen(optimizer.state_dict()) == frozen(twin.state_dict())


def test_a_loaded_state_shares_no_memory():
    net, other = make_net(), make_net()
    first, second = steepest.Muon(net.named_parameters()), steepest.Muon(other.named_parameters())
    train(net, first, range(2))
    second.load_state_dict(first.state_dict())
    held = copy.deepcopy(second.state_dict())
    train(net, first, range(3))
    assert frozen(second.state_dict()) == frozen(held)
    assert weights(net)
