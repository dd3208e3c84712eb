# SPDX-License-Identifier: Apache-2.0
"""States that were saved without the frozen parameters, as optimizers of trained ones alone do."""

import copy

import pytest
import torch
from classes import IDS, KINDS, make

import steepest


def network(frozen=()):
    torch.manual_seed(0)
    model = torch.nn.Sequential()
    model.add_module("embed", torch.nn.Embedding(7, 6))
    model.add_module("first", torch.nn.Linear(6, 6))
    model.add_module("second", torch.nn.Linear(6, 6, bias=False))
    model.add_module("head", torch.nn.Linear(6, 3))
    for name, param in model.named_parameters():
        param.requires_grad_(not name.startswith(tuple(frozen)))
    return model


def train(model, optimizer, steps):
    for seed in steps:
        generator = torch.Generator().manual_seed(seed)
        tokens = torch.randint(0, 7, (8,), generator=generator)
        classes = torch.randint(0, 3, (8,), generator=generator)
        loss = torch.nn.functional.cross_entropy(model(tokens), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step(loss=loss.detach()) if optimizer._momo() else optimizer.step()


FROZEN = {"some": ("embed", "first.weight"), "all backups": ("embed", "first.bias", "head")}


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
@pytest.mark.parametrize("how", ["state_dict", "file"])
@pytest.mark.parametrize("kind", KINDS, ids=IDS)
def test_what_was_saved_without_the_frozen_ones_goes_on(kind, how, frozen, tmp_path):
    name, options = kind
    old = network(frozen)
    alone = make(name, steepest.route(old), **options)  # has no place for what is frozen
    train(old, alone, range(3))
    alone.param_groups[0]["lr"] = 0.03
    new = network(frozen)
    new.load_state_dict(old.state_dict())
    whole = make(name, new, **options)
    assert sum(1 for _ in whole._params()) > sum(1 for _ in alone._params())
    if how == "file":
        steepest.save(alone, tmp_path / "state.safetensors")
        steepest.load(whole, tmp_path / "state.safetensors")
    else:
        whole.load_state_dict(copy.deepcopy(alone.state_dict()))
    assert whole.param_groups[0]["lr"] == 0.03
    train(old, alone, range(3, 6))
    train(new, whole, range(3, 6))
    for (where, ours), theirs in zip(new.named_parameters(), old.parameters()):
        assert torch.equal(ours, theirs), where
        assert not whole.state.get(ours) or ours.requires_grad


def test_states_of_torchs_classes_go_by_name_past_the_frozen_ones():
    old, new = network(FROZEN["some"]), network(FROZEN["some"])
    trained = [(n, p) for n, p in old.named_parameters() if p.requires_grad]
    adamw = torch.optim.AdamW(trained, lr=0.05)
    loss = old(torch.arange(4)).square().sum()
    loss.backward()
    adamw.step()
    ours = steepest.AdamW(new)
    ours.load_torch_state(adamw.state_dict())
    for (name, theirs), param in zip(old.named_parameters(), new.parameters()):
        assert (name in dict(trained)) == ("exp_avg" in ours.state.get(param, {}))
        if param.requires_grad:
            assert torch.equal(ours.state[param]["exp_avg"], adamw.state[theirs]["exp_avg"])


@pytest.mark.parametrize("how", ["load_state_dict", "load_torch_state"])
def test_what_trains_must_be_in_the_file(how):
    alone = make("muon", steepest.route(network(FROZEN["some"])))
    whole = make("muon", network(("embed",)))
    with pytest.raises(ValueError, match=r'names: received no "first.weight"'):
        getattr(whole, how)(alone.state_dict())
    fewer = make("muon", network())
    state_dict = fewer.state_dict()
    state_dict["param_groups"][0]["param_names"][0] = "other"
    with pytest.raises(ValueError, match='received "other", which no parameter of this'):
        getattr(make("muon", network(FROZEN["some"])), how)(state_dict)


@pytest.mark.parametrize("name", ["muon", "adamw", "scion"])
def test_a_net_that_was_routed_otherwise_goes_on_as_the_refusal_says(name, tmp_path):
    def mlp():
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))

    def go_on(net, optimizer):
        for seed in range(3):
            x = torch.randn(5, 6, generator=torch.Generator().manual_seed(seed))
            optimizer.zero_grad()
            net(x).square().sum().backward()
            optimizer.step()

    old, new = mlp(), mlp()
    matrix = make(name, steepest.route(old, matrix=["2.weight"]))
    go_on(old, matrix)
    new.load_state_dict(old.state_dict())
    with pytest.raises(ValueError, match=r'steepest.route\(model, matrix=\["2.weight"\]\)'):
        make(name, new).load_state_dict(matrix.state_dict())
    file = tmp_path / "state.safetensors"
    steepest.save(matrix, file)
    with pytest.raises(ValueError, match=r'steepest.route\(model, matrix=\["2.weight"\]\)'):
        steepest.load(make(name, new), file)
    again = make(name, steepest.route(new, matrix=["2.weight"]))
    again.load_state_dict(copy.deepcopy(matrix.state_dict()))
    go_on(old, matrix)
    go_on(new, again)
    assert all(torch.equal(a, b) for a, b in zip(old.parameters(), new.parameters()))
