# SPDX-License-Identifier: Apache-2.0
"""torch.ops.steepest: whatever an operator is handed, it works or says one line, and then nothing
has changed."""

import math
import time

import pytest
import torch
from step_lists import OPTIONS, Step, one_line
from torch import nan

import steepest
from steepest._library import ops


@pytest.fixture(params=OPTIONS, ids=["fixed", "momo"])
def step(request):
    return Step(**request.param)


def test_what_the_optimizer_hands_in_is_taken(step):
    before = step.copy()
    ops.step_(**step.arguments)
    assert not step.unchanged(before)


def bad_tensors(t):
    yield t.to(torch.int64)
    yield t.to(torch.bool)
    yield t.to(torch.complex64)
    yield t.to(torch.float8_e5m2)
    yield torch.zeros(2, 1, 1, 3)
    yield torch.empty_like(t, device="meta")
    yield t.to_sparse() if t.dim() > 0 else torch.zeros(2)


@pytest.mark.parametrize("key", ["params", "grads", "state"])
def test_tensors_of_a_wrong_kind_move_nothing(step, key):
    good = step.arguments[key]
    before = step.copy()
    for index, tensor in enumerate(good):
        for bad in bad_tensors(tensor):
            spoiled = [bad if i == index else t for i, t in enumerate(good)]
            with pytest.raises(ValueError) as error:
                ops.step_(**{**step.arguments, key: spoiled})
            one_line(error)
            assert step.unchanged(before)


def test_counts_that_are_none_move_nothing(step):
    good = step.arguments["steps"]
    before = step.copy()
    bad = [-5.0, 0.5, nan, math.inf, 1e300]
    tensors = [torch.tensor(value, dtype=torch.float64) for value in bad]
    tensors += [torch.ones(2), torch.tensor(True), torch.tensor(1j), torch.empty(0)]
    for index in range(len(good)):
        for value in tensors:
            spoiled = [value if i == index else t for i, t in enumerate(good)]
            with pytest.raises(ValueError, match=rf"layer\.{index}\.step: received"):
                ops.step_(**{**step.arguments, "steps": spoiled})
            assert step.unchanged(before)


@pytest.mark.parametrize(
    "key", ["params", "grads", "steps", "state", "live", "lr", "weight_decay", "momentum"]
)
def test_lists_of_a_wrong_length_move_nothing(step, key):
    good = list(step.arguments[key])
    before = step.copy()
    for bad in ([], good[:-1], [*good, good[-1]], good * 3):
        with pytest.raises(ValueError) as error:
            ops.step_(**{**step.arguments, key: bad})
        one_line(error)
        assert step.unchanged(before)


def test_indices_out_of_range_move_nothing(step):
    before = step.copy()
    for bad in ([0, 1, 3], [0, 1, -1], [0, 1, 10**12], [0, 1, 1], [1, 0, 2], [-(2**63), 0, 1]):
        with pytest.raises(ValueError, match="live: received"):
            ops.step_(**{**step.arguments, "live": bad})
        assert step.unchanged(before)


def test_rates_out_of_range_move_nothing(step):
    before = step.copy()
    for key in ("lr", "weight_decay", "momentum"):
        for bad in (nan, math.inf, -0.1):
            spoiled = [bad, *step.arguments[key][1:]]
            with pytest.raises(ValueError, match=rf"{key}.*received"):
                ops.step_(**{**step.arguments, key: spoiled})
            assert step.unchanged(before)


def test_the_other_tensors_are_looked_at_too(step):
    before = step.copy()
    stats = step.arguments["stats"]
    bad = {"stats": [stats[:-1], stats.float(), torch.zeros(0), stats.reshape(1, -1)]}
    if step.arguments["loss"] is not None:
        bad["momo"] = [torch.zeros(2, dtype=torch.float64), torch.zeros(3), torch.zeros(0)]
        bad["momo_step"] = [torch.tensor(-1.0), torch.tensor(nan), torch.zeros(2)]
        bad["loss"] = [torch.zeros(2), torch.tensor(1j), None]
    for key, values in bad.items():
        for value in values:
            with pytest.raises(ValueError) as error:
                ops.step_(**{**step.arguments, key: value})
            one_line(error)
            assert step.unchanged(before)


def test_files_are_given_a_name_for_each_tensor(tmp_path):
    path = str(tmp_path / "a")
    for tensors, names, metadata in (
        ([torch.zeros(1)], [], "{}"),
        ([], ["a"], "{}"),
        ([], [], "no"),
        ([], [], "[]"),
        ([], [], '{"a": 1}'),
        ([], [], '{"a": {"b": "c"}}'),
        ([], [], "[" * 100_000),
    ):
        with pytest.raises(ValueError, match="save_file: ") as error:
            ops.save_file(path, tensors, names, metadata)
        one_line(error)
    assert not list(tmp_path.iterdir())


def test_options_are_looked_at():
    x = torch.randn(4, 3)
    for options in (
        "",
        "[]",
        '{"polar_steps": "5"}',
        '{"lr": NaN}',
        '{"polar": 1e999}',
        "[" * 10**6,
    ):
        with pytest.raises(ValueError) as error:
            ops.polar(x, options)
        one_line(error)


def seconds_of(count):
    """Of the processor, to make an optimizer of so many parameters, its state and a step."""
    params = [torch.zeros(1) for _ in range(count)]
    for p in params:
        p.grad = torch.ones(1)
    start = time.process_time()
    optimizer = steepest.SteepestDescent(params, backup="inf")
    ops.make_states(params, optimizer._plan().text, list(range(count)))
    seconds = time.process_time() - start
    optimizer.step()
    start = time.process_time()
    optimizer.step()
    return seconds + time.process_time() - start


def test_many_parameters_take_linear_time():
    """Eight times as many take some eight times as long; the square would be 64."""
    seconds_of(10)
    assert seconds_of(6_000) < 16 * seconds_of(750) + 0.2
