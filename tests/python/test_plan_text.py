# SPDX-License-Identifier: Apache-2.0
"""The plan's JSON, as torch.ops.steepest reads it: whatever it says, it works or is refused in one
line."""

import copy
import json

import pytest
import torch
from step_lists import OPTIONS, Step, one_line

from steepest._library import ops


@pytest.fixture(params=OPTIONS, ids=["fixed", "momo"])
def step(request):
    return Step(**request.param)


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
