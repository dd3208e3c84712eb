# SPDX-License-Identifier: Apache-2.0
"""Parameter groups: every iterable, none that is emptied, frozen, shared or named twice."""

import copy
import pickle
import sys

import pytest
import torch
from classes import CLASSES, IDS, KINDS, make, said, step
from networks import make_net, same, train, weights
from torch import nn

import steepest


def layers() -> tuple[nn.Module, nn.Module]:
    net = make_net()
    return net[0], net[2]


ITERABLES = {
    "generators": lambda a, b: [{"params": a.parameters()}, {"params": b.parameters()}],
    "a list first": lambda a, b: [{"params": [*a.parameters()]}, {"params": b.parameters()}],
    "names": lambda a, b: [
        {"params": a.named_parameters(prefix="a")},
        {"params": b.named_parameters(prefix="b")},
    ],
    "equal names": lambda a, b: [
        {"params": a.named_parameters()},
        {"params": b.named_parameters()},
    ],
    "filter": lambda a, b: [
        {"params": filter(lambda p: p.requires_grad, m.parameters())} for m in (a, b)
    ],
    "map": lambda a, b: [{"params": map(lambda p: p, m.parameters())} for m in (a, b)],
    "values": lambda a, b: [{"params": dict(m.named_parameters()).values()} for m in (a, b)],
    "items": lambda a, b: [{"params": dict(m.named_parameters()).items()} for m in (a, b)],
    "tuples": lambda a, b: ({"params": tuple(m.parameters())} for m in (a, b)),
    "one tensor": lambda a, b: [{"params": p} for m in (a, b) for p in m.parameters()],
    "a chain": lambda a, b: (p for m in (a, b) for p in m.parameters()),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("how", ITERABLES)
def test_every_iterable_of_parameters_is_trained(name, how):
    a, b = layers()
    before = [p.detach().clone() for m in (a, b) for p in m.parameters()]
    optimizer = make(name, ITERABLES[how](a, b))
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 4
    step(optimizer)
    now = [p for m in (a, b) for p in m.parameters()]
    assert not any(torch.equal(p, old) for p, old in zip(now, before, strict=True))


@pytest.mark.parametrize("how", [h for h in ITERABLES if h != "a chain"])
def test_add_param_group_takes_every_iterable_and_leaves_the_callers_dict_alone(how):
    a, b = layers()
    for group in ITERABLES[how](a, b):
        other = nn.Parameter(torch.ones(2, 2))
        first = [("first", other)] if "names" in how or how == "items" else [other]
        optimizer = make("muon", first)
        given = dict(group)
        optimizer.add_param_group(group)
        assert group == given and len(optimizer.param_groups[1]["params"]) in (1, 2)
        step(optimizer)


def test_the_constructor_leaves_the_callers_dicts_alone():
    a, b = layers()
    groups = [{"params": list(a.parameters()), "lr": 0.1}, {"params": list(b.parameters())}]
    given = [dict(group) for group in groups]
    for _ in range(2):  # and can be given them again
        make("muon", groups)
    assert [set(g) for g in groups] == [set(g) for g in given]
    assert all(g["params"] is old["params"] for g, old in zip(groups, given, strict=True))


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_the_groups_of_another_optimizer_are_options_alone(name, options):
    """As wrappers and programs that make an optimizer anew pass them; a model is not shared."""
    first = make(name, [torch.ones(4, 4)], **options)
    step(first)
    second = make(name, first.param_groups, **options)
    assert second.param_groups[0]["lr"] == first.param_groups[0]["lr"]
    assert not options or second.param_groups[0]["momo"] is not first.param_groups[0]["momo"]
    step(second)
    if name != "muon":  # whose radius None has no meaning elsewhere
        assert make("muonmax", first.param_groups)._name() == "muonmax"


# -- nothing in them ---


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_empty_group_beside_others_is_harmless(name, options, place, tmp_path):
    p, q = torch.randn(4, 4), torch.randn(4)
    groups = [{"params": []}, {"params": [p, q]}]
    optimizer = make(name, groups if place == "first" else groups[::-1], **options)
    before = p.clone()
    step(optimizer)
    assert not torch.equal(p, before) and optimizer.stats()["parameters"]
    optimizer.load_state_dict(optimizer.state_dict())
    steepest.save(optimizer, tmp_path / "o.st")
    steepest.load(optimizer, tmp_path / "o.st")
    step(optimizer, 1)


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_only_empty_groups_do_nothing_until_there_is_a_parameter(name, options):
    optimizer = make(name, [{"params": []}, {"params": iter(())}], **options)
    optimizer.step()
    optimizer.zero_grad()
    assert optimizer.stats() == {"step": optimizer.stats()["step"], "parameters": {}}
    optimizer.load_state_dict(copy.deepcopy(optimizer).state_dict())
    optimizer = pickle.loads(pickle.dumps(optimizer))
    p = torch.randn(4, 4)
    before = p.clone()
    optimizer.add_param_group({"params": [p]})
    step(optimizer)
    assert not torch.equal(p, before)


@pytest.mark.parametrize("name", CLASSES)
def test_no_parameters_at_all_are_refused_in_torchs_words(name):
    for nothing in ([], iter(()), nn.ReLU(), ()):
        with pytest.raises(ValueError, match="empty parameter list"):
            make(name, nothing)


# -- frozen ---

WAYS = {
    "module": lambda net: net,
    "named": lambda net: net.named_parameters(),
    "bare": lambda net: net.parameters(),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("way", WAYS)
def test_what_is_unfrozen_later_is_trained_as_if_it_had_never_been_frozen(name, way):
    runs = []
    for frozen in (True, False):
        net = make_net()
        net[0].requires_grad_(not frozen)
        optimizer = make(name, WAYS[way](net))
        net[0].requires_grad_(True)
        train(net, optimizer, range(2))
        runs.append(weights(net))
    assert same(*runs)


@pytest.mark.parametrize("way", ["module", "bare"])
def test_an_unfreezing_callback_may_give_the_layer_a_group_of_its_own(way):
    net = make_net()
    net[0].requires_grad_(False)
    params = net if way == "module" else [p for p in net.parameters() if p.requires_grad]
    optimizer = steepest.Muon(params, lr=0.02)
    train(net, optimizer, range(1))
    net[0].requires_grad_(True)
    sizes = [len(group["params"]) for group in optimizer.param_groups]
    with pytest.raises(ValueError, match="lr: received -1"):
        optimizer.add_param_group({"params": list(net[0].parameters()), "lr": -1})
    assert [len(group["params"]) for group in optimizer.param_groups] == sizes
    before = weights(net)
    optimizer.add_param_group({"params": list(net[0].parameters()), "lr": 0.001})
    every = [p for group in optimizer.param_groups for p in group["params"]]
    assert len({id(p) for p in every}) == len(every) == 6
    assert optimizer.param_groups[-1]["lr"] == 0.001
    roles = [optimizer._plan().sides[i][1] for i in optimizer._plan().side_of]
    assert roles[-2:] == ["matrix", "backup"]
    train(net, optimizer, range(1, 2))
    assert not any(torch.equal(a, b) for a, b in zip(weights(net), before, strict=True))
    with pytest.raises(ValueError, match="more than one parameter group"):  # trained by now
        optimizer.add_param_group({"params": list(net[0].parameters())})


def test_bare_tensors_after_a_module_are_routed_as_it_says():
    net = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 8))
    optimizer = steepest.Muon(net)
    net.append(nn.Linear(8, 8))
    net.append(nn.Embedding(30, 8))
    net.append(nn.Linear(8, 4))  # the head; without it 2.weight would be that
    stranger = torch.randn(4, 4)
    tail = [*net[2].parameters(), *net[3].parameters(), stranger]
    optimizer.add_param_group({"params": tail})
    group = optimizer.param_groups[-1]
    assert group["param_names"][:3] == ["2.weight", "2.bias", "3.weight"]
    assert group["roles"] == ["matrix", "backup", "backup", "matrix"]
    step(optimizer)
    assert set(group["param_names"]) <= set(optimizer.stats()["parameters"])


# -- the same parameter, the same name ---


@pytest.mark.parametrize("name", CLASSES)
def test_a_parameter_given_twice_is_trained_once_and_torchs_warning_is_given(name):
    p, q = torch.ones(4, 4), torch.ones(4, 4)
    made = []
    messages = said(lambda: made.append(make(name, [("tied", p), ("head", p)])))
    assert len(messages) == 1 and "a parameter group with duplicate parameters" in messages[0]
    step(made[0])
    step(make(name, [("tied", q)]))
    assert torch.equal(p, q)
    with pytest.raises(ValueError, match="more than one parameter group"):
        make(name, [{"params": [p]}, {"params": [p]}])


@pytest.mark.parametrize("together", [False, True])
def test_two_networks_of_equal_names_are_kept_apart(together, tmp_path):
    nets = make_net(), make_net()
    for p in nets[1].parameters():
        p.data.mul_(2)

    def build():
        named = [list(net.named_parameters()) for net in nets]
        return make("muon", named[0] + named[1] if together else [{"params": n} for n in named])

    optimizer = build()
    step(optimizer)
    assert len(optimizer.stats()["parameters"]) == 12
    steepest.save(optimizer, tmp_path / "two.st")
    other = build()
    steepest.load(other, tmp_path / "two.st")
    for p in optimizer._params():
        assert all(torch.equal(value, other.state[p][k]) for k, value in optimizer.state[p].items())


def test_two_networks_of_equal_names_and_other_shapes_are_routed_apart():
    pairs = [("weight", torch.ones(4, 4)), ("weight", torch.ones(4)), ("weight", torch.ones(3, 5))]
    optimizer = make("muon", pairs)
    assert optimizer.param_groups[0]["roles"] == ["matrix", "backup", "matrix"]
    step(optimizer)


def test_names_that_are_unique_stay_as_they_are():
    net = make_net()
    optimizer = make("muon", [{"params": [pair]} for pair in net.named_parameters()])
    assert optimizer._plan().names == [name for name, _ in net.named_parameters()]
    optimizer.param_groups[0]["params"].append(torch.zeros(2, 2))
    with pytest.raises(ValueError, match=r"param_groups\[0\]: param_names: received 1 names"):
        optimizer.step()


def test_a_name_that_only_looks_qualified_is_refused():
    pair = lambda name: (name, torch.ones(2, 2))
    groups = [{"params": [pair("param_groups[1].w"), pair("w")]}, {"params": [pair("w")]}]
    with pytest.raises(ValueError, match=r'received "param_groups\[1\].w" for two parameters'):
        make("muon", groups)


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_the_calls_of_construction_and_step_grow_as_the_parameters_do(name, options):
    def calls(count):
        counted = [0]

        def note(frame, event, argument):
            counted[0] += event in ("call", "c_call")

        params = [torch.ones(2, 2) for _ in range(count)]
        old = sys.getprofile()
        sys.setprofile(note)
        try:
            optimizer = make(name, params, **options)
            for p in params:
                p.grad = p.clone()
            for _ in range(2):
                optimizer.step(**({"loss": 1.0} if options else {}))
        finally:
            sys.setprofile(old)
        return counted[0]

    calls(1)  # what is made once is made here
    base, few, many = calls(1), calls(21), calls(61)
    assert many - base < 3.3 * (few - base)


@pytest.mark.parametrize("key", ["roles", "layouts"])
@pytest.mark.parametrize("value", ["matrix", [1], {}, 0.1])
def test_roles_and_layouts_of_another_kind_are_refused(key, value):
    optimizer = steepest.Muon([("a", torch.nn.Parameter(torch.ones(3, 3)))])
    with pytest.raises(TypeError, match=f"{key}: received"):
        optimizer.add_param_group(
            {"params": [("b", torch.nn.Parameter(torch.ones(2, 2)))], key: value}
        )
    assert len(optimizer.param_groups) == 1
