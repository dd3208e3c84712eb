# SPDX-License-Identifier: Apache-2.0
"""group["lr"] is the rate of the group's parameters, whoever reads or writes it."""

import json
import warnings

import pytest
import torch
from networks import make_net, step_with, train
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
