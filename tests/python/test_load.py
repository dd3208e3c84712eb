# SPDX-License-Identifier: Apache-2.0
"""What a state_dict must agree in, what it brings along, and by what its state is found."""

import copy

import pytest
import torch
from networks import make_net, same, train
from test_tampered import MAKERS, frozen, step, trained

import steepest

ALIKE = {"steepest", "sgd momentum", "muonmax-momo stale"}  # a class more than once


def refused(target, state_dict, words, how="load_state_dict"):
    before = frozen(target.state_dict())
    with pytest.raises(ValueError, match=words):
        getattr(target, how)(copy.deepcopy(state_dict))
    assert frozen(target.state_dict()) == before


# -- choices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(MAKERS) - ALIKE))
def test_a_state_dict_of_another_class_is_refused(name):
    target = trained(name, named=True)
    for other in sorted(set(MAKERS) - ALIKE - {name}):
        words = "recipe: received|step_size: received"
        refused(target, trained(other, named=True).state_dict(), words)
    target.load_state_dict(trained(name, named=True).state_dict())


@pytest.mark.parametrize(
    "theirs", ["SGD", "Adagrad", "RMSprop", "NAdam", "RAdam", "Rprop", "Adamax"]
)
@pytest.mark.parametrize("name", sorted(MAKERS))
def test_another_class_of_torchs_is_refused(name, theirs):
    target = trained(name, named=False)
    if theirs == "SGD" and name.startswith("sgd"):
        return
    params = [torch.nn.Parameter(p.detach().clone()) for p in target._params()]
    source = getattr(torch.optim, theirs)(params, **({"momentum": 0.9} if theirs == "SGD" else {}))
    for p in params:
        p.grad = torch.ones_like(p)
    source.step()
    refused(target, source.state_dict(), "received (no|none)")
    if theirs not in ("SGD", "RAdam"):  # whose moments are Muon's and Adam's
        refused(
            target, source.state_dict(), "^load_torch_state: state.*received", "load_torch_state"
        )


CHOICES = {
    "norm": "nuclear",
    "backup": "inf",
    "outer": "l2",
    "update": "regularized",
    "step_size": "momo",
    "duals": "stale",
    "momo_model": "recursive",
    "backup_blocks": "flattened",
    "momentum_form": "heavy_ball",
    "start": "zero",
    "momentum_place": "after",
    "bias_correction": True,
    "decoupled_weight_decay": False,
    "backup_betas": (0.95, 0.95),  # a first gradient's start, where there was the matrices' zero
}
RATES = {
    "lr": 0.5,
    "weight_decay": 0.25,
    "backup_weight_decay": 0.125,
    "momentum": 0.5,
    "nesterov": True,
    "backup_eps": 1e-4,
    "radius": "original",
    "backup_radius": "0.5",
    "f_star": 0.5,
    "polar": "jordan",
    "polar_steps": 9,
    "svd": "power",
    "svd_tol": 1e-2,
    "nonfinite": "skip",
    "directions": "recomputed",
    "maximize": True,
}


def spelt(**options):
    net = make_net()
    optimizer = steepest.SteepestDescent(net.named_parameters(), **options)
    train(net, optimizer, range(2))
    return optimizer


@pytest.mark.parametrize("key", CHOICES)
def test_what_says_what_state_means_must_agree(key):
    start = {"start": "zero"} if key == "backup_betas" else {}
    source, target = spelt(**start, **{key: CHOICES[key]}), spelt(**start)
    named = {"bias_correction": "start", "backup_betas": "start", "backup": "norm"}.get(key, key)
    refused(target, source.state_dict(), rf"{named}: received .*, allowed the optimizer's")
    refused(source, target.state_dict(), rf"{named}: received .*, allowed the optimizer's")


def test_error_feedback_must_agree():
    options = {"norm": "ky_fan(k=2)"}
    source, target = spelt(**options, error_feedback=True), spelt(**options)
    refused(target, source.state_dict(), "error_feedback: received true, allowed the optimizer's")


@pytest.mark.parametrize("key", RATES)
def test_rates_and_solvers_come_from_the_file(key):
    source, target = spelt(**{key: RATES[key]}), spelt()
    target.load_state_dict(source.state_dict())
    assert target.param_groups[0][key] == source.param_groups[0][key] == RATES[key]


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_file_that_lacks_a_key_loads_with_what_is_here(name):
    """Older versions have fewer group keys."""
    source = trained(name, named=True)
    state_dict = copy.deepcopy(source.state_dict())
    essential = {"params", "recipe", "momo", "momo_step", *source._own}
    if name.startswith("sgd"):
        essential |= {"momentum"}
    keys = set(state_dict["param_groups"][0]) - essential
    assert len(keys) > 30
    step(source, 5)
    for key in sorted(keys) + [None]:
        less = copy.deepcopy(state_dict)
        for group in less["param_groups"]:
            for gone in [key] if key else keys:
                del group[gone]
        target = trained(name, named=True)
        target.load_state_dict(less)
        step(target, 5)
        assert same(list(target._params()), list(source._params())), key


# -- names -----------------------------------------------------------------------------------------

ORDERS = {
    "the same": [["a", "b", "c", "v"]],
    "another order": [["c", "v", "a", "b"]],
    "other groups": [["v", "c"], ["b", "a"]],
}


def squares(order, prefix="", seed=0):
    """Three matrices of one shape and a vector, in groups."""
    generator = torch.Generator().manual_seed(seed)
    shape = {"v": (5,)}
    made = {n: torch.randn(shape.get(n, (5, 5)), generator=generator) for n in "abcv"}
    groups = [[(prefix + n, torch.nn.Parameter(made[n].clone())) for n in group] for group in order]
    return {name[-1]: p for group in groups for name, p in group}, groups


@pytest.mark.parametrize("name", ["muon", "muonmax-momo", "neon", "adamw"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("how", ["load_state_dict", "load_torch_state", "file"])
def test_state_goes_by_name(tmp_path, name, order, how):
    if how == "file" and order == "other groups":
        return  # which belongs to the groups: their number must be the same
    prefix = "module._orig_mod." if order == "another order" else ""
    own, groups = squares(ORDERS["the same"])
    make = lambda groups: steepest.make(name, [{"params": list(group)} for group in groups])
    first = make(groups)
    step(first, 1), step(first, 2)
    theirs, groups = squares(ORDERS[order], prefix)
    second = make(groups)
    names = [group["param_names"] for group in second.param_groups]
    if how == "file":
        steepest.save(first, tmp_path / "a.safetensors")
        steepest.load(second, tmp_path / "a.safetensors")
    else:
        getattr(second, how)(first.state_dict())
    assert [group["param_names"] for group in second.param_groups] == names
    for key in own:
        assert frozen(dict(first.state[own[key]])) == frozen(dict(second.state[theirs[key]]))


def test_groups_that_differ_cannot_become_one():
    _, groups = squares(ORDERS["other groups"])
    rates = [{"params": group, "lr": lr} for group, lr in zip(groups, (0.1, 0.2), strict=True)]
    first = steepest.Muon(rates)
    step(first, 1)
    second = steepest.Muon(squares(ORDERS["the same"])[1][0])
    refused(second, first.state_dict(), r"lr: its parameters are in groups \[0, 1\]")


def test_names_that_differ_are_named_with_their_prefix(tmp_path):
    first = steepest.Muon(squares(ORDERS["the same"], "encoder.")[1][0])
    step(first, 1)
    second = steepest.Muon(squares(ORDERS["the same"])[1][0])
    step(second, 1)
    words = 'received "encoder.a", which no .*allowed "a": the received names begin with "encoder."'
    refused(second, first.state_dict(), words)
    refused(second, first.state_dict(), words, "load_torch_state")
    refused(first, second.state_dict(), 'the allowed names begin with "encoder."')
    steepest.save(first, tmp_path / "a.safetensors")
    before = frozen(second.state_dict())
    with pytest.raises(ValueError, match=words):
        steepest.load(second, tmp_path / "a.safetensors")
    assert frozen(second.state_dict()) == before


def test_without_names_on_one_side_state_goes_by_position():
    own, groups = squares(ORDERS["the same"])
    first = steepest.Muon(groups[0])
    step(first, 1)
    theirs, groups = squares(ORDERS["another order"])
    second = steepest.Muon([p for _, p in groups[0]])
    refused(second, first.state_dict(), "role: received")  # a vector stands elsewhere
    theirs, groups = squares(ORDERS["the same"])
    second = steepest.Muon([p for _, p in groups[0]])
    second.load_state_dict(first.state_dict())
    assert second.param_groups[0]["param_names"] == ["a", "b", "c", "v"]
    assert frozen(dict(first.state[own["b"]])) == frozen(dict(second.state[theirs["b"]]))


def test_another_role_or_layout_is_refused():
    matrix = lambda: torch.nn.Parameter(torch.ones(6, 4))
    make = lambda **group: steepest.Muon([{"params": [("a", matrix())], **group}])
    for theirs, ours, words in (
        ({"role": "backup"}, {"role": "matrix"}, "a: role: received 'backup', allowed 'matrix'"),
        ({"split_sizes": [3, 3]}, {}, r"a: split_sizes: received \[3, 3\], allowed None"),
        ({"transposed": True}, {}, "a: transposed: received True, allowed False"),
    ):
        first = make(**theirs)
        step(first, 1)
        refused(make(**ours), first.state_dict(), words)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_parameter_that_grew_is_refused(name):
    first = trained(name, named=True)
    for param in first._params():
        param.data = torch.cat([param.detach(), param.detach()])
    refused_by_shape = first.state_dict()["state"][0]
    if any(value.dim() == 2 for value in refused_by_shape.values()):
        target = trained(name, named=True)
        grown = MAKERS[name](
            [
                (n, p)
                for n, p in zip(["0.weight", "0.bias", "1.weight"], first._params(), strict=True)
            ]
        )
        # Asgo's factor is the shorter side's, which is another one here.
        words = "no right_factor" if name == "asgo" else r"received shape \(.*\), allowed"
        refused(grown, target.state_dict(), words)
