# SPDX-License-Identifier: Apache-2.0
"""capturable=True, on the stand-in device: steps that ask nothing of the host."""

from __future__ import annotations

import copy

import classes
import pytest
import standin
import torch
from networks import furthest

import steepest

DEVICE = standin.load()
SHAPES = ((8, 12), (12, 8), (12,), (6, 6), (3, 5, 5), (40, 8))
STEPS = 6
DTYPES = {torch.float64: 1e-12, torch.float32: 1e-5}
# Every row whose step is fixed and needs no dual, and whose state is of entries.
ROWS = {
    "muon": {"weight_decay": 0.1, "backup_weight_decay": 0.05},
    "muon-jordan": {"weight_decay": 0.1},
    "muon-adam": {},
    "scion": {"weight_decay": 0.1},
    "adamw": {"weight_decay": 0.1},
    "adam": {"weight_decay": 0.1},  # coupled
    "lion": {"weight_decay": 0.1},
    "signum": {},
    "signsgd": {},
    "sgd": {"weight_decay": 0.1, "momentum": 0.9},
}


def parameters(dtype: torch.dtype) -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(3)
    values = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]
    return [torch.nn.Parameter(v.to(DEVICE, dtype)) for v in values]


def set_gradients(params, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in params:
        grad = torch.randn(p.shape, generator=generator).to(p)
        p.grad = grad if p.grad is None else p.grad.copy_(grad)


def set_rate(optimizer, lr: float) -> None:
    """As a scheduler does: a tensor is written in place."""
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def trained(name: str, options, dtype: torch.dtype, lr) -> tuple[list[torch.Tensor], dict]:
    """The weights after STEPS with a rate that changes, and what the last step has asked for."""
    params = parameters(dtype)
    optimizer = classes.make(name, params, lr=lr, **options)
    counts: dict = {}
    for t in range(STEPS):
        set_gradients(params, t)
        set_rate(optimizer, 0.02 * (t + 1))
        counts = standin.counted(optimizer.step)
    return [p.detach().cpu().double() for p in params], counts


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", ROWS)
def test_a_captured_step_is_the_other_one_without_the_host(name, dtype):
    rate = torch.tensor(0.02, device=DEVICE, dtype=torch.float64)
    received, counts = trained(name, {**ROWS[name], "capturable": True}, dtype, rate)
    expected, _ = trained(name, ROWS[name], dtype, 0.02)
    assert furthest(received, expected) < DTYPES[dtype]
    assert counts["launch"] > 0
    assert counts["host_read"] == counts["upload"] == counts["allocation"] == 0


def test_the_second_step_allocates_nothing_either():
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=torch.tensor(0.02, device=DEVICE), capturable=True)
    for t in range(2):
        set_gradients(params, t)
        counts = standin.counted(optimizer.step)
    assert counts["allocation"] == counts["host_read"] == counts["upload"] == 0


def test_rates_that_are_numbers_are_sent_when_they_change():
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=0.02, capturable=True)
    for t, lr in enumerate((0.02, 0.02, 0.02, 0.05)):
        set_gradients(params, t)
        set_rate(optimizer, lr)
        before = [p.detach().cpu() for p in params]
        counts = standin.counted(optimizer.step)
        assert furthest([p.detach().cpu() for p in params], before) > 0
    assert counts["host_read"] == counts["upload"] == 0
    assert counts["launch aten::fill_"] > 0


def test_weight_decay_may_be_a_tensor_too():
    def run(options, change) -> list[torch.Tensor]:
        params = parameters(torch.float64)
        optimizer = steepest.Muon(params, lr=0.02, **options)
        for t in range(4):
            set_gradients(params, t)
            change(optimizer, 0.1 * t)
            optimizer.step()
        return [p.detach().cpu() for p in params]

    def in_place(optimizer, decay: float) -> None:
        tensor.fill_(decay)

    def by_number(optimizer, decay: float) -> None:
        for group in optimizer.param_groups:
            group["weight_decay"] = decay

    tensor = torch.zeros((), device=DEVICE, dtype=torch.float64)
    received = run({"weight_decay": tensor, "capturable": True}, in_place)
    assert furthest(received, run({"weight_decay": 0.0}, by_number)) < 1e-12


REFUSED = [
    ("muonmax", {}, ValueError, "received norm spectral on standin:0, allowed"),
    ("normuon", {}, ValueError, "received norm spectral on standin:0, allowed"),
    ("soap", {}, ValueError, "received norm soap on standin:0, allowed"),
    ("muon", {"polar": "svd"}, ValueError, "received norm spectral on standin:0, allowed"),
    ("muon", {"step_size": "momo"}, ValueError, 'capturable: received step_size "momo"'),
    ("muon", {"nonfinite": "skip"}, ValueError, 'capturable: received nonfinite "skip"'),
    ("adamw", {"decay": "cautious"}, ValueError, "received norm ada_inf on standin:0, allowed"),
]


@pytest.mark.parametrize(("name", "options", "error", "words"), REFUSED)
def test_what_needs_the_host_is_refused_in_one_line(name, options, error, words):
    params = parameters(torch.float32)
    before = [p.detach().cpu() for p in params]
    optimizer = classes.make(name, params, capturable=True, **options)
    set_gradients(params, 0)
    with pytest.raises(error, match=words) as caught:
        classes.step(optimizer)
    assert "\n" not in str(caught.value)
    assert furthest([p.detach().cpu() for p in params], before) == 0


def test_what_the_caller_must_not_do_is_refused():
    on_cpu = [torch.nn.Parameter(torch.ones(4, 4))]
    optimizer = steepest.Muon(on_cpu, lr=0.02, capturable=True)
    on_cpu[0].grad = torch.ones(4, 4)
    with pytest.raises(ValueError, match="received norm spectral on cpu, allowed"):
        optimizer.step()
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=torch.tensor(0.02), capturable=True)
    set_gradients(params, 0)
    with pytest.raises(ValueError, match="lr: received a tensor on cpu, allowed one on standin:0"):
        optimizer.step()
    groups = [{"params": [p], "capturable": i == 0} for i, p in enumerate(params)]
    optimizer = steepest.Muon(groups, lr=0.02)
    with pytest.raises(ValueError, match="capturable: received True and False"):
        optimizer.step()
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=0.02, capturable=True)
    set_gradients(params, 0)
    optimizer.step()
    params[0].grad = None
    with pytest.raises(ValueError, match="received no gradient of a parameter that has had one"):
        optimizer.step()


def test_a_parameter_may_not_come_later():
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=0.02, capturable=True)
    set_gradients(params[1:], 0)
    optimizer.step()
    set_gradients(params, 1)
    with pytest.raises(ValueError, match="parameters that have seen 0 to 1 gradients"):
        optimizer.step()


@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_run_goes_on_from_its_state_with_and_without(name):
    def go_on(first: bool, second: bool) -> list[torch.Tensor]:
        params = parameters(torch.float64)
        optimizer = classes.make(name, params, capturable=first)
        for t in range(3):
            set_gradients(params, t)
            optimizer.step()
        state = copy.deepcopy(optimizer.state_dict())
        moved = [torch.nn.Parameter(p.detach().clone()) for p in params]
        again = classes.make(name, moved, capturable=second)
        again.load_state_dict(state)
        for group in again.param_groups:
            group["capturable"] = second
        for t in range(3, STEPS):
            set_gradients(moved, t)
            again.step()
        assert {float(s["step"]) for s in again.state.values()} == {float(STEPS)}
        return [p.detach().cpu() for p in moved]

    expected = go_on(False, False)
    for first, second in ((True, True), (True, False), (False, True)):
        assert furthest(go_on(first, second), expected) < 1e-12


def test_its_statistics_are_measured_as_ever():
    params = parameters(torch.float32)
    optimizer = steepest.Muon(params, lr=0.02, capturable=True)
    set_gradients(params, 0)
    optimizer.step()
    assert optimizer.last_step()["D"] is None
    stats = optimizer.stats()["parameters"]
    assert len(stats) == len(params)
    assert all(s["update_rms"] > 0 for s in stats.values())
