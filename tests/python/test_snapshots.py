# SPDX-License-Identifier: Apache-2.0
"""A state_dict that is held is a snapshot, and one that is not held costs nothing."""

import copy

import pytest
import torch
from networks import same
from test_tampered import MAKERS, frozen, step, trained


def weights(optimizer):
    return [p.detach().clone() for p in optimizer._params()]


def back(optimizer, values):
    with torch.no_grad():
        for p, value in zip(optimizer._params(), values, strict=True):
            p.copy_(value)


@pytest.mark.parametrize("name", sorted(MAKERS))
@pytest.mark.parametrize("before", [0, 2])
def test_training_repeats_from_a_held_state_dict(name, before):
    """As a learning rate finder does; also where the state has begun, and twice."""
    optimizer = trained(name, named=True, seeds=range(before))
    values, held = weights(optimizer), optimizer.state_dict()
    copied = frozen(held)
    runs = []
    for _ in range(3):
        for seed in range(10, 14):
            step(optimizer, seed)
        assert frozen(held) == copied
        runs.append(weights(optimizer))
        back(optimizer, values)
        optimizer.load_state_dict(held)
        assert frozen(optimizer.state_dict()) == copied
    assert same(runs[0], runs[1]) and same(runs[0], runs[2])


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_several_are_held_at_once(name):
    optimizer = trained(name, named=False, seeds=(0,))
    held = []
    for seed in range(1, 4):
        held.append((optimizer.state_dict(), frozen(optimizer.state_dict())))
        step(optimizer, seed)
    for state_dict, copied in held:
        assert frozen(state_dict) == copied
        optimizer.load_state_dict(state_dict)
        assert frozen(optimizer.state_dict()) == copied


TAKEN = {
    "detach": lambda value: value.detach(),
    "data": lambda value: value.data,
    "a row": lambda value: value[0],
    "a parameter": lambda value: torch.nn.Parameter(value),
    "numpy": lambda value: value.numpy(),
    "numpy and back": lambda value: torch.from_numpy(value.numpy()),
}


@pytest.mark.parametrize("how", TAKEN)
@pytest.mark.parametrize("twice", [False, True])
def test_what_was_made_of_a_state_dict_holds_it(how, twice):
    """As for a moving average of a state, of which only the detached tensors are kept."""
    optimizer = trained("muonmax-momo", named=False)
    taken = TAKEN[how](optimizer.state_dict()["state"][0]["momentum_buffer"])
    if twice:
        optimizer.state_dict()
    copied = copy.deepcopy(taken)
    for seed in (5, 6):
        step(optimizer, seed)
    assert (taken == copied).all()


def test_nothing_is_copied_where_no_state_dict_is_held():
    optimizer = trained("muonmax-momo", named=False)
    param = next(optimizer._params())
    buffer = optimizer.state[param]["momentum_buffer"]
    shown = optimizer.state_dict()["state"][0]["momentum_buffer"]
    assert shown.data_ptr() == buffer.data_ptr()  # not even by state_dict itself
    del shown
    optimizer.state_dict()
    step(optimizer, 5)
    assert optimizer.state[param]["momentum_buffer"] is buffer
    held = optimizer.state_dict()
    step(optimizer, 6)
    assert optimizer.state[param]["momentum_buffer"] is not buffer
    assert held["state"][0]["momentum_buffer"].data_ptr() == buffer.data_ptr()


def test_a_state_that_others_have_rebuilt_is_not_written_into_a_held_one():
    """As Lightning moves an optimizer to a device on which it is already."""
    optimizer = trained("muonmax-momo", named=True)
    held, copied = optimizer.state_dict(), frozen(optimizer.state_dict())
    for param, entry in list(optimizer.state.items()):
        optimizer.state[param] = dict(entry)
    step(optimizer, 5)
    assert frozen(held) == copied != frozen(optimizer.state_dict())


def test_what_is_put_into_a_state_dict_stays_out_of_the_optimizer():
    optimizer = trained("muonmax-momo", named=True)
    before = frozen(optimizer.state_dict())
    shown = optimizer.state_dict()
    shown["state"][0]["momentum_buffer"] = torch.zeros(1)
    shown["state"][1].clear()
    shown["param_groups"][0]["momo"].fill_(7)
    shown["param_groups"][0]["param_names"].clear()
    assert frozen(optimizer.state_dict()) == before


def test_a_learning_rate_that_is_a_tensor_is_a_snapshot_too():
    optimizer = trained("muon", named=True)
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    held = optimizer.state_dict()
    optimizer.param_groups[0]["lr"].fill_(0.25)
    assert float(held["param_groups"][0]["lr"]) == 0.5
    optimizer.load_state_dict(held)
    optimizer.param_groups[0]["lr"].fill_(0.125)
    assert float(held["param_groups"][0]["lr"]) == 0.5


def test_a_momentum_that_begins_late_is_saved_whole():
    """A schedule raised it from zero after the last step: there is no buffer yet."""
    optimizer = trained("sgd", named=True)
    for group in optimizer.param_groups:
        group["momentum"] = 0.9
    held = copy.deepcopy(optimizer.state_dict())
    again = trained("sgd", named=True)
    again.load_state_dict(held)
    step(again, 5), step(optimizer, 5)
    assert same(weights(again), weights(optimizer))
