# SPDX-License-Identifier: Apache-2.0
"""Curves of polar iterations, and the search for their coefficients."""

import csv
import json

import pytest

from trainer import steepest


def curve_of(*words):
    done = steepest("polar-curve", *words)
    assert done.returncode == 0, done.stderr
    rows = list(csv.reader(done.stdout.splitlines()))
    return rows[0], [[float(x) for x in row] for row in rows[1:]]


def test_polar_curves():
    head, rows = curve_of("jordan", "--points", "11", "--steps", "3")
    assert head == ["sigma", "1", "2", "3"]
    assert [row[0] for row in rows] == pytest.approx([i / 10 for i in range(11)])
    for sigma, *steps in rows:
        x = sigma
        for step in steps:
            x = 3.4445 * x - 4.7750 * x**3 + 2.0315 * x**5
            assert step == pytest.approx(x, abs=1e-12)
    head, rows = curve_of(
        *("--polynomial", "2.1875,-2.1875,1.3125,-0.3125", "--polynomial", "1.5,-0.5"),
        *("--points", "3", "--low", "0.01", "--steps", "3"),
    )
    assert [row[0] for row in rows] == pytest.approx([0.01, 0.1, 1])
    for sigma, *steps in rows:
        x = 2.1875 * sigma - 2.1875 * sigma**3 + 1.3125 * sigma**5 - 0.3125 * sigma**7
        for step in steps:  # the last polynomial repeats
            assert step == pytest.approx(x, abs=1e-12)
            x = 1.5 * x - 0.5 * x**3
    assert curve_of("polar_express")[0][-1] == "5"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["jordann"], 'schedule: received "jordann", allowed jordan, '),
        (["--polynomial", "1,x"], '--polynomial: received "1,x", allowed one to ten numbers'),
        (["--polynomial", ""], "--polynomial: received nothing"),
        (["--low", "1"], "--low: received 1, allowed a number from 0 and below 1"),
        (["--points", "1"], "received 1, allowed a whole number from 2"),
        (["jordan", "--polynomial", "1"], "excludes"),
    ],
)
def test_polar_curves_that_are_refused(words, message):
    done = steepest("polar-curve", *words)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert message in done.stderr


def test_polar_search_keeps_the_iterates_in_the_band():
    found = json.loads(steepest("polar-search", ".7", "1.3").stdout)
    assert found["a"] > 3.4445  # the published one is not the steepest
    for i in range(1, 400):
        x = i / 399
        for _ in range(60):
            x = found["a"] * x + found["b"] * x**3 + found["c"] * x**5
            assert x <= found["peak"] + 1e-9 < found["escape"] + 1e-9
        assert 0.7 - 1e-9 <= x <= 1.3 + 1e-9
    done = steepest("polar-search", ".7", ".5")
    assert done.returncode == 2 and "received [0.7, 0.5], allowed 0 < low <= 1" in done.stderr
