# SPDX-License-Identifier: Apache-2.0
"""Every option of the engine's table is one of Python's: by keyword, by group key, in a state_dict,
in the signature and in the documentation."""

import copy
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import steepest
from steepest import _table
from steepest._library import ops

ROOT = Path(__file__).resolve().parents[2]
# What an option means nothing without, as in tests/support/option_values.h.
BESIDE = {
    "dampening": {"momentum_form": "heavy_ball"},
    "error_feedback": {"norm": "nuclear"},
    "lr_auto": {"lr": "auto"},
    "polar_coefficients": {"polar": "custom"},
    "polar_tol": {"polar": "auto"},
    "polar_low": {"polar": "auto"},
    "polar_restarts": {"polar": "gram_jordan"},
}
PLANNED = [o for o in _table.OPTIONS.values() if o.name not in _table.RATES]
OF_GROUPS = [o for o in PLANNED if o.scope != "network"]


def value_of(option):
    """One that is not the option's default."""
    for text in (*option.names, *option.examples):
        if text != option.default:
            return text
    values = {"floats": [2.0, -1.5, 0.5], "ints": [2], "int": 7, "float": 0.0625}
    return not option.default if option.type == "bool" else values[option.type]


def params():
    return [torch.ones(3, 4), torch.ones(3)]


def arrived(recipe, option, role):
    return recipe[option.name] if option.scope == "network" else recipe[role][option.side]


def role_of(option):
    return "backup" if option.scope == "backup" else "matrix"


@pytest.mark.parametrize("option", PLANNED, ids=lambda o: o.name)
@pytest.mark.parametrize("name", ["SteepestDescent", "MuonAdam"])
def test_every_option_is_a_keyword_and_reaches_the_engine(option, name):
    options = {**BESIDE.get(option.side, {}), option.name: value_of(option)}
    optimizer = getattr(steepest, name)(params(), **options)
    recipe = optimizer._plan().recipe
    assert arrived(recipe, option, role_of(option)) == value_of(option)
    if option.scope in ("both", "momentum"):
        assert arrived(recipe, option, "backup") == value_of(option)
    assert optimizer.param_groups[0][option.name] == value_of(option)


@pytest.mark.parametrize("option", OF_GROUPS, ids=lambda o: o.name)
def test_every_option_of_a_side_is_a_group_key(option):
    group = {"params": params(), **BESIDE.get(option.side, {}), option.name: value_of(option)}
    recipe = steepest.MuonAdam([group])._plan().recipe
    assert arrived(recipe, option, role_of(option)) == value_of(option)


@pytest.mark.parametrize("option", PLANNED, ids=lambda o: o.name)
def test_what_is_said_travels_beside_the_rows_name(option):
    """The plan's text has the row's name and this one option, not a row."""
    beside = BESIDE.get(option.side, {})
    plain = json.loads(steepest.MuonAdam(params())._plan().text)
    assert plain["recipe"] == "muon-adam" and plain["options"] == {}
    assert plain["sides"] == {"matrix": {}, "backup": {}}
    assert [group["options"] for group in plain["groups"]] == [{}, {}]
    text = json.loads(
        steepest.MuonAdam(params(), **beside, **{option.name: value_of(option)})._plan().text
    )
    if option.name == "step_size":  # which a row says by its name
        assert text["recipe"] == "muon-adam-momo" and text["options"] == {}
    elif option.scope == "network":
        assert text["options"] == {option.name: value_of(option)}
    else:
        said = text["sides"][role_of(option)]
        assert said == {**said, option.side: value_of(option)} and len(said) <= 1 + len(beside)


@pytest.mark.parametrize("option", PLANNED, ids=lambda o: o.name)
def test_a_state_dict_says_every_option(option):
    """Where a load may bring it along it does, and where it may not it is refused."""
    options = {**BESIDE.get(option.side, {}), option.name: value_of(option)}
    source = steepest.MuonAdam(params(), **options)
    alike = {} if option.name == "polar_coefficients" else BESIDE.get(option.side, {})
    if option.name == "lr_auto":
        alike = {"step_size": "momo"}
    target = steepest.MuonAdam(params(), **alike)
    if option.may_change == "never":
        with pytest.raises(ValueError, match="received .*, allowed the optimizer's"):
            target.load_state_dict(copy.deepcopy(source.state_dict()))
    else:
        target.load_state_dict(copy.deepcopy(source.state_dict()))
        assert target._plan().recipe == source._plan().recipe


def test_the_signature_and_the_documentation_have_every_option():
    found = inspect.signature(steepest.SteepestDescent).parameters
    args = steepest.SteepestDescent.__doc__.split("Args:")[1].split("Raises:")[0]
    for option in _table.OPTIONS.values():
        assert option.name in found, option.name
        assert re.search(rf"\b{option.name}\b", args), f"        {option.name}: {option.help}."
    assert found["norm"].default == "spectral" and found["backup"].default == "ada_inf"


def test_the_types_are_those_of_the_table():
    """scripts/python_options.py > python/steepest/_typing.py"""
    made = subprocess.run(
        [sys.executable, ROOT / "scripts/python_options.py"], capture_output=True, check=True
    )
    assert made.stdout.decode() == (ROOT / "python/steepest/_typing.py").read_text()


def test_catalog_rows_are_said_by_their_names_alone():
    for row in json.loads(ops.catalog()):
        text = json.loads(steepest.make(row["name"], params())._plan().text)
        assert text["recipe"] == text["name"] == row["name"]
        assert text["options"] == {}, row["name"]
        # Both of Lion's betas are live, and said.
        said = {"nesterov_momentum": 0.9 / 0.99} if row["name"].startswith("lion") else {}
        for side in ("matrix", "backup"):
            assert text["sides"][side] == pytest.approx(said), row["name"]
