# SPDX-License-Identifier: Apache-2.0
"""What will not be trained, or not as it was meant, is said once."""

import warnings

import pytest
import torch
from classes import IDS, KINDS, make, said
from networks import make_net, same, train, weights
from torch import nn

import steepest

# -- parameters that the model no longer has ---


def _empty(net):
    net.to_empty(device="cpu")
    net.load_state_dict(make_net().state_dict(), assign=True)


def _add_layer(net):
    net.append(nn.Linear(8, 8))


CHANGES = {
    "assign": lambda net: net.load_state_dict(make_net().state_dict(), assign=True),
    "to_empty": _empty,
    "a new layer": lambda net: net.__setitem__(2, nn.Linear(12, 8)),
    "a further layer": _add_layer,
    "weight_norm": lambda net: nn.utils.parametrizations.weight_norm(net[0]),
}


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("before", [0, 3])
def test_a_model_whose_parameters_are_no_longer_the_optimizers_is_named_once(
    name, options, change, before
):
    net = make_net()
    optimizer = make(name, net, **options)
    assert said(lambda: train(net, optimizer, range(before))) == []
    CHANGES[change](net)
    messages = said(lambda: train(net, optimizer, range(before, before + 5)))
    assert len(messages) == 1 and "of the model have a gradient but are not in" in messages[0]


def test_the_same_of_what_was_routed_and_unfrozen_later():
    net = make_net()
    net[0].requires_grad_(False)
    routes = steepest.route(net)
    optimizer, part = steepest.Muon(routes), steepest.Muon(list(routes)[:1])
    net[0].requires_grad_(True)
    assert "0.weight first" in said(lambda: train(net, optimizer, range(3)))[0]
    assert said(lambda: train(net, part, range(3))) == []  # the caller's choice


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_steps_without_any_gradient_are_named_once_and_change_nothing(name, options):
    net = make_net()
    optimizer = make(name, net.parameters(), **options)
    before = weights(net)

    def idle():
        for _ in range(3):
            optimizer.step()
            optimizer.step(**({"loss": 1.0} if options else {}))

    messages = said(idle)
    assert len(messages) == 1 and "received no gradient for any of the 6" in messages[0]
    assert same(before, weights(net)) and not optimizer.state
    train(net, optimizer, range(2))
    optimizer.zero_grad()
    assert said(optimizer.step) == []
    reference = make_net()
    train(reference, make(name, reference.parameters(), **options), range(2))
    assert same(weights(net), weights(reference))


@pytest.mark.parametrize("how", ["bare", "named", "groups"])
def test_parameters_that_nobody_else_holds_are_named_at_the_first_step(how):
    net = make_net()
    params = {
        "bare": lambda: net.parameters(),
        "named": lambda: list(net.named_parameters()),
        "groups": lambda: [{"params": [p]} for p in net.parameters()],
    }[how]()
    optimizer = steepest.Muon(params)
    del params
    net.load_state_dict(make_net().state_dict(), assign=True)
    messages = said(lambda: train(net, optimizer, range(1)))
    assert len(messages) == 1 and "received no gradient for any of the 6" in messages[0]


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_a_step_before_the_first_backward_is_nothing_to_speak_of(name, options):
    """As before a scheduler's first step; and two optimizers may take turns."""
    nets = [make_net(), make_net()]
    optimizers = [make(name, net.parameters(), **options) for net in nets]

    def run():
        optimizers[0].step()
        torch.optim.lr_scheduler.LinearLR(optimizers[0]).step()
        for turn in range(4):
            train(nets[turn % 2], optimizers[turn % 2], range(1))
            idle = optimizers[1 - turn % 2]
            idle.zero_grad()
            idle.step()

    assert said(run) == []


@pytest.mark.parametrize("change", ["tie", "prune", "spectral_norm", "unused"])
def test_nothing_is_said_where_all_that_is_differentiated_is_trained(change):
    from torch.nn.utils import parametrizations, prune

    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    optimizer = steepest.Muon(net)
    if change == "tie":
        net[1].weight = net[0].weight
    elif change == "prune":
        prune.l1_unstructured(net[0], "weight", 0.3)
    elif change == "spectral_norm":
        parametrizations.spectral_norm(net[0])
    else:
        net.aside = nn.Linear(3, 3)

    def run():
        for _ in range(6):
            optimizer.zero_grad()
            net[1](net[0](torch.randn(4, 6))).square().mean().backward()
            optimizer.step()

    assert said(run) == []


# -- shapes of bare tensors ---


def test_bare_tensors_that_look_like_tables_warn_once_wherever_they_stand():
    table, matrix, vector = torch.zeros(20000, 8), torch.zeros(8, 8), torch.zeros(8)
    for params in (
        [table, matrix, vector],
        [{"params": [table, matrix]}, {"params": [vector]}],
        [{"params": [vector]}, {"params": [table]}, {"params": [matrix]}],
    ):
        messages = said(lambda: make("muon", params))  # noqa: B023
        assert len(messages) == 1 and "looks like an embedding or a head" in messages[0]
    optimizer = make("muon", [matrix])
    assert len(said(lambda: optimizer.add_param_group({"params": [table]}))) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make("muon", [{"params": [torch.zeros(20000, 8)], "role": "matrix"}])


def test_an_optimizer_of_matrices_that_gets_none_says_so():
    flat = nn.Parameter(torch.zeros(100))
    flat._is_flat_param = True
    messages = said(lambda: make("muon", [flat]))
    assert len(messages) == 1 and "none of the 1 parameters is a matrix" in messages[0]
    assert "FSDP" in messages[0]
    assert len(said(lambda: make("muonmax", [torch.zeros(8), torch.zeros(2, 2, 2)]))) == 1
    assert said(lambda: make("adamw", [torch.zeros(8)])) == []
    assert said(lambda: make("muon", [{"params": [torch.zeros(8)], "role": "backup"}])) == []
    assert said(lambda: make("muon", nn.Embedding(30, 8))) == []  # routed: the table says why
