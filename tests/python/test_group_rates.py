# SPDX-License-Identifier: Apache-2.0
"""group["lr"] is the rate of the group's parameters, whoever reads or writes it."""

import copy
import json
import warnings

import pytest
import torch
from networks import make_net, same, step_with, train, weights
from torch.optim import lr_scheduler

import steepest
from steepest._library import ops

ROWS = list(steepest.catalog.CLASSES)


def rates(optimizer):
    """The rate of each group and role, as the engine is told."""
    plan = optimizer._plan()
    return dict(zip(plan.sides, optimizer._rates(plan).lr, strict=True))


def by_role(optimizer):
    return {group["role"]: group["lr"] for group in optimizer.param_groups}


def bare():
    """A matrix and a vector."""
    return [torch.ones(4, 4), torch.ones(4)]


# -- what the constructor says ---


def test_the_groups_of_a_module_have_their_own_rates():
    optimizer = steepest.Muon(make_net(), lr=0.02, backup_lr=1e-3)
    assert by_role(optimizer) == {"matrix": 0.02, "backup": 1e-3}
    assert rates(optimizer) == {(0, "matrix"): 0.02, (1, "backup"): 1e-3}
    assert all(group["backup_lr_ratio"] is None for group in optimizer.param_groups)
    assert "lr 0.02" in repr(optimizer) and "lr 0.001" in repr(optimizer)


@pytest.mark.parametrize("name", ROWS)
def test_lr_alone_means_what_the_engines_row_means(name):
    optimizer = steepest.make(name, make_net(), lr=0.125)
    row = json.loads(ops.row(name, json.dumps({"lr": 0.125})))
    assert by_role(optimizer) == {"matrix": 0.125, "backup": row["backup"]["lr"]}


def test_what_is_no_matrix_has_a_number_of_its_own():
    default = by_role(steepest.Muon(make_net(), lr=0.02))["backup"]
    assert by_role(steepest.Muon(make_net(), lr=0.5))["backup"] == default
    assert by_role(steepest.AdamW(make_net(), lr=0.5))["backup"] == 0.5


def test_lr_0_loses_nothing():
    net = make_net()
    optimizer = steepest.Muon(net, lr=0.0, backup_lr=1e-3)
    assert by_role(optimizer) == {"matrix": 0.0, "backup": 1e-3}
    with pytest.raises(ValueError, match=r"lr: received 0 with backup_lr 0.001 in a group of mat"):
        steepest.Muon(bare(), lr=0.0, backup_lr=1e-3)
    steepest.AdamW(bare(), lr=0.0)


def test_a_group_without_matrices_has_backup_lr_and_no_ratio():
    w, b = bare()
    optimizer = steepest.Muon([{"params": [w]}, {"params": [b]}], lr=0.02, backup_lr=1e-3)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 1e-3]
    optimizer.add_param_group({"params": [torch.ones(3)]})
    optimizer.add_param_group({"params": [torch.ones(3)], "lr": 0.5})
    assert [group["lr"] for group in optimizer.param_groups[2:]] == [1e-3, 0.5]
    assert rates(optimizer)[3, "backup"] == 0.5


def test_a_group_of_both_roles_has_one_lr_and_shows_the_ratio():
    optimizer = steepest.Muon(bare(), lr=0.02, backup_lr=1e-3)
    (group,) = optimizer.param_groups
    assert group["lr"] == 0.02 and group["backup_lr_ratio"] == pytest.approx(0.05)
    assert "lr 0.001 (backup_lr_ratio 0.05)" in repr(optimizer)
    group["lr"], group["backup_lr_ratio"] = 0.1, 0.5
    assert rates(optimizer) == {(0, "matrix"): 0.1, (0, "backup"): 0.05}


def test_a_group_of_both_roles_that_says_lr_says_the_matrices():
    optimizer = steepest.Muon([{"params": bare(), "lr": 0.02}], lr=1e-28, backup_lr=1e-3)
    assert rates(optimizer) == {(0, "matrix"): 0.02, (0, "backup"): pytest.approx(1e-3)}
    optimizer = steepest.AdamW([{"params": bare(), "lr": 0.02}], lr=1e-28)
    assert set(rates(optimizer).values()) == {0.02}
    with pytest.raises(ValueError, match="lr: received 0 with backup_lr 0.001 in a group of mat"):
        steepest.Muon([{"params": bare(), "lr": 0.0}], lr=0.02, backup_lr=1e-3)


def test_a_ratio_where_there_is_one_role_is_refused():
    with pytest.raises(ValueError, match="backup_lr_ratio: received 0.5 where all parameters have"):
        steepest.Muon([{"params": [torch.ones(4, 4)], "backup_lr_ratio": 0.5}])


def test_a_tensor_lr_moves_all_that_have_it():
    lr = torch.tensor(0.5)
    optimizer = steepest.AdamW(make_net(), lr=lr)
    lr.fill_(0.25)
    assert set(rates(optimizer).values()) == {0.25}


# -- what programs write ---


def test_schedulers_see_and_set_the_rates_of_both_groups():
    optimizer = steepest.Muon(make_net(), lr=0.02, backup_lr=1e-3)
    scheduler = lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    assert scheduler.get_last_lr() == [0.02, 1e-3]
    train(make_net(), optimizer, range(0))
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.01, 5e-4] == list(rates(optimizer).values())


def test_one_cycle_takes_a_list():
    optimizer = steepest.Muon(make_net(), lr=0.02, backup_lr=1e-3)
    scheduler = lr_scheduler.OneCycleLR(optimizer, [0.04, 0.002], total_steps=10)
    top = [0.0, 0.0]
    for _ in range(9):
        optimizer.step()
        scheduler.step()
        top = [max(pair) for pair in zip(top, rates(optimizer).values(), strict=True)]
    assert top == pytest.approx([0.04, 0.002], rel=0.05)


def test_a_rate_written_by_hand_is_the_rate():
    net = make_net()
    optimizer = steepest.SteepestDescent(net, lr=0.5, backup_lr=0.25, backup="inf", momentum=0.0)
    group = next(g for g in optimizer.param_groups if g["role"] == "backup")
    group["lr"] = 0.125
    before = [p.clone() for p in group["params"]]
    for p in net.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    assert all(torch.allclose(b - p, torch.tensor(0.125)) for b, p in zip(before, group["params"]))


def one_loop(optimizer, scaled):
    """nanoGPT's: one rate for all groups; ``scaled``: times the group's lr_scale."""
    for group in optimizer.param_groups:
        group["lr"] = 0.01 * (group["lr_scale"] if scaled else 1)


def test_a_loop_that_sets_one_rate_for_all_is_told_of_once():
    net = make_net()
    optimizer = steepest.Muon(net, lr=0.02, backup_lr=1e-3)
    one_loop(optimizer, scaled=False)
    with pytest.warns(UserWarning, match=r"lr: received 0.01 for the group of matrices.*lr_scale"):
        train(net, optimizer, range(1))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(net, optimizer, range(1, 3))


def test_a_loop_with_lr_scale_keeps_the_two_rates():
    net = make_net()
    optimizer = steepest.Muon(net, lr=0.02, backup_lr=1e-3)
    for group in optimizer.param_groups:
        group["lr_scale"] = group["lr"] / 0.02
    one_loop(optimizer, scaled=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(net, optimizer, range(1))
    assert list(rates(optimizer).values()) == pytest.approx([0.01, 5e-4])


def test_lr_scale_is_timms_schedulers_alone():
    """They multiply by it when they write lr: a second time would be one too many."""
    params = [{"params": [torch.ones(4, 4)], "lr_scale": 0.5}, {"params": [torch.ones(4, 4)]}]
    optimizer = steepest.Muon(params, lr=0.02)
    assert [group["lr"] for group in optimizer.param_groups] == [0.02, 0.02]
    assert optimizer.param_groups[0]["lr_scale"] == 0.5


@pytest.mark.parametrize("zero", [True, False])
def test_equal_rates_that_were_meant_are_not_told_of(zero):
    net = make_net()
    optimizer = steepest.Muon(net, lr=0.01, backup_lr=1e-3 if zero else 0.01)
    if zero:  # as torch.distributed.checkpoint does for a moment
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(net, optimizer, range(1))


# -- what older versions have saved ---


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


def test_a_rate_that_became_text_is_named():
    optimizer = steepest.AdamW(bare(), lr=0.1)
    for p in optimizer.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    optimizer.param_groups[0]["lr"] = "x"
    with pytest.raises(TypeError, match='lr: received "x", allowed a number'):
        optimizer.step()


def test_a_step_uses_the_rates_of_the_groups():
    w, b = bare()
    optimizer = steepest.SteepestDescent(
        [{"params": [w]}, {"params": [b]}], lr=0.5, backup_lr=0.25, norm="inf", backup="inf"
    )
    step_with(optimizer, [torch.ones(4, 4), torch.ones(4)])
    assert torch.allclose(w, torch.tensor(0.5)) and torch.allclose(b, torch.tensor(0.75))
