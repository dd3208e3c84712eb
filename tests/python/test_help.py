# SPDX-License-Identifier: Apache-2.0
"""help() of every public class is enough to use it: signature, arguments, an example that runs."""

import doctest
import inspect
import re

import pytest
import torch
from classes import CLASSES

import steepest
from steepest import _options, _table

PUBLIC = {name: getattr(steepest, name) for name in steepest.__all__}
PUBLIC = {name: value for name, value in PUBLIC.items() if inspect.isclass(value)}
OPTIMIZERS = {cls.__name__: (name, cls) for name, cls in CLASSES.items()}


def arguments_told(cls):
    """The names that the section Args has an entry for; one entry may have several."""
    section = re.split(r"\n\s*(?:Raises|Example|Returns):", cls.__doc__.split("Args:\n")[1])[0]
    section = inspect.cleandoc(section)
    entries = re.findall(r"^(\w+(?:, \w+)*):", section, re.MULTILINE)
    return [name for entry in entries for name in entry.split(", ")]


def parameters(cls):
    return inspect.signature(cls).parameters


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_told(name):
    told, kind = arguments_told(PUBLIC[name]), inspect.Parameter.VAR_KEYWORD
    assert len(told) == len(set(told))
    wanted = {key for key, p in parameters(PUBLIC[name]).items() if p.kind is not kind}
    flags = {"differentiable", "fused"}  # told of under Raises
    assert wanted - flags <= set(told) <= wanted


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    globs = {"torch": torch, "steepest": steepest}
    test = doctest.DocTestParser().get_doctest(PUBLIC[name].__doc__, globs, name, None, 0)
    assert 2 <= len(test.examples) <= 4, "an example of four lines at most"
    said = []
    failed, _ = doctest.DocTestRunner().run(test, out=said.append)
    assert failed == 0, "".join(said)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_defaults_told_are_those_of_the_groups(name):
    recipe, cls = OPTIMIZERS[name]
    group = cls([torch.nn.Parameter(torch.ones(4, 3))]).param_groups[0]
    told = {key: p.default for key, p in parameters(cls).items() if key in group}
    del told["params"]
    # None stands for what follows from another option, or from what the parameters are.
    follows = {"lr", "backup_lr", "backup_weight_decay"}
    assert len(told) > 50
    for key, value in told.items():
        if key in follows and value is None:
            continue
        assert group[key] == value, key
    if recipe != "steepest-descent":
        row = _options.group_of_row(recipe)
        assert row["norm"] == told["norm"] and repr(row["norm"]) in cls.__doc__


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_signature_has_every_option_and_the_class_takes_it(name):
    _, cls = OPTIMIZERS[name]
    names = set(parameters(cls))
    own = {"params", "lr", *cls._own, "rank", "betas"}
    missing = set(_table.signature()) - names - own
    # Options that torch's classes have under names of their own.
    assert missing <= {"momentum", "nesterov", "dampening", "eps", "radius", "polar"} | {
        "weight_decay",
        "backup_weight_decay",
    }
    torchs = (steepest.AdamW, steepest.Adam, steepest.SGD, steepest.Muon)
    assert bool(missing) == (cls in (*torchs, steepest.Lion))


def test_a_class_of_a_users_own_has_its_own_signature():
    class Mine(steepest.MuonMax):
        def __init__(self, params, lr=0.5):
            super().__init__(params, lr)

    assert list(parameters(Mine)) == ["params", "lr"]


def test_what_print_calls_chosen_does_not_follow_from_the_signature():
    """The Momo form of a row has other choices than the row, whose defaults the signature has."""
    momo = steepest.Muon(torch.nn.Linear(3, 3), lr=0.1, step_size="momo")
    assert momo.param_groups[0]["recipe"] == "muon-momo"
    assert "options" not in repr(momo)
