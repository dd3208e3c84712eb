# SPDX-License-Identifier: Apache-2.0
"""torch.ops.steepest: whatever an operator is handed, it works or says one line, and then nothing
has changed."""

import copy
import json
import math
import time

import pytest
import torch
from torch import nan

import steepest
from steepest import _state
from steepest._library import ops


class Step:
    """What SteepestDescent hands to step_, as a dict that a test may spoil."""

    def __init__(self, **options):
        torch.manual_seed(0)
        self.params = [torch.randn(4, 6), torch.randn(3, 4, 4), torch.randn(5)]
        named = [(f"layer.{i}", p) for i, p in enumerate(self.params)]
        optimizer = steepest.SteepestDescent(named, **options)
        for p in self.params:
            p.grad = torch.randn_like(p)
        for _ in range(2):
            optimizer.step(loss=torch.tensor(1.5)) if optimizer._momo() else optimizer.step()
        plan = optimizer._plan()
        bound = _state.bind(plan, optimizer.state, self.params)
        first, none = optimizer.param_groups[0], torch.empty(0)
        lr, decay, momentum = plan.rates(optimizer.param_groups)
        self.arguments = {
            "params": bound.params,
            "grads": [p.grad for p in self.params],
            "steps": bound.steps,
            "state": bound.tensors,
            "momo_step": first["momo_step"] if optimizer._momo() else none,
            "momo": first["momo"] if optimizer._momo() else none,
            "stats": torch.zeros(4 + plan.leaf_count, dtype=torch.float64),
            "plan": plan.text,
            "live": bound.live,
            "lr": lr,
            "weight_decay": decay,
            "momentum": momentum,
            "loss": torch.tensor(1.5) if optimizer._momo() else None,
        }

    def tensors(self):
        lists = [self.arguments[key] for key in ("params", "steps", "state")]
        return [t for list_ in lists for t in list_] + [self.arguments["momo"]]

    def copy(self):
        return [t.clone() for t in self.tensors()]

    def unchanged(self, before):
        return all(torch.equal(a, b) for a, b in zip(self.tensors(), before))


def one_line(error):
    text = str(error.value)
    assert "\n" not in text.strip(), text
    assert "json.exception" not in text and "INTERNAL ASSERT" not in text, text
    assert len(text) < 500, text
    return text


OPTIONS = [
    {"norm": "spectral", "backup": "ada_inf", "lr": 0.01},
    {"norm": "spectral", "lr": 0.01, "step_size": "momo", "outer": "l2", "duals": "stale"},
]


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


# -- the plan's text -------------------------------------------------------------------------------


def places(value, path=()):
    """Every place in a JSON value, outermost first."""
    yield path
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, item in value.items() if isinstance(value, dict) else ():
        yield from places(item, (*path, key))


WRONG = [
    None,
    True,
    -1,
    10**18,
    1e300,
    0.5,
    "",
    "x" * 10_000,
    "ä\n",
    [],
    [[1]],
    {},
    {"a": {"b": 1}},
]


def with_change(plan, path, value):
    changed = copy.deepcopy(plan)
    target = changed
    for key in path[:-1]:
        target = target[key]
    if value is places:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return changed


def test_every_change_of_the_plan_works_or_is_one_line(step):
    """Each place of the plan's JSON takes each wrong value, or is taken out."""
    plan = json.loads(step.arguments["plan"])
    tried = refused = 0
    for path in places(plan):
        for value in [places, *WRONG] if path else []:
            text = json.dumps(with_change(plan, path, value))
            tried += 1
            try:
                ops.layout(text)
                ops.make_state(step.params[0], text, 0)
                ops.survey(
                    step.params,
                    [None] * 3,
                    step.arguments["steps"],
                    step.arguments["state"],
                    text,
                    step.arguments["live"],
                    step.arguments["lr"],
                )
            except ValueError as error:
                refused += 1
                message = str(error)
                assert "\n" not in message and "json.exception" not in message, (path, message)
                assert len(message) < 700, (path, message)
    assert tried > 500 and refused > tried // 2


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", "NaN", '{"a": NaN}', "[" * 10**6])
def test_text_that_is_no_plan(text):
    for operator in (ops.layout, lambda t: ops.make_state(torch.zeros(2), t, 0)):
        with pytest.raises(ValueError, match="plan: ") as error:
            operator(text)
        one_line(error)


def test_group_numbers_out_of_range(step):
    plan = json.loads(step.arguments["plan"])
    for group in (-1, len(plan["groups"]), 10**9, -(2**63), 2**63, 2**64):
        plan["params"][1]["group"] = group
        with pytest.raises(ValueError, match="group: received|not JSON|out of range") as error:
            ops.layout(json.dumps(plan))
        one_line(error)


def test_an_index_without_a_parameter(step):
    for index in (-1, 3, 10**12):
        with pytest.raises(ValueError, match="index: received"):
            ops.make_state(step.params[0], step.arguments["plan"], index)
        with pytest.raises(ValueError, match="index: received"):
            ops.make_states(step.params[:1], step.arguments["plan"], [index])
    with pytest.raises(ValueError, match="indices: received 1, allowed one for each of 2"):
        ops.make_states(step.params[:2], step.arguments["plan"], [0])


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
