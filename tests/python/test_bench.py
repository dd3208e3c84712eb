# SPDX-License-Identifier: Apache-2.0
"""The benchmark program: what it says of numbers. Its times are nobody's test."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
from goals import GOALS, Row, comparison, table  # noqa: E402


@pytest.mark.parametrize(
    ("wanted", "ratio", "enough", "verdict"),
    [
        ((">=", 1.8), 1.8, True, "met"),
        ((">=", 1.8), 1.79, True, "missed"),
        ((">=", 1.8), 5.0, False, "missed"),  # fast but inexact
        (("<=", 1.05), 1.04, True, "met"),
        (("<=", 1.05), 1.06, True, "missed"),
        (None, 3.0, True, ""),
    ],
)
def test_a_verdict_needs_the_speed_and_the_accuracy(wanted, ratio, enough, verdict):
    row = Row("P1", "a step", "a peer", 1.0, ratio, wanted, enough=enough)
    assert row.verdict() == row.as_json()["verdict"] == verdict


def test_what_is_not_measured_is_said_with_its_reason():
    row = Row("P2", "a step", missing="no AMX here")
    assert row.verdict() == "not measured"
    text = table([row, Row("P1", "a", "b", 1.5, 2.0, (">=", 1.8))], {"cpu": "any"})
    assert "no AMX here" in text and "1 rows met, 0 rows missed, 1 rows not measured" in text
    assert "| P1 | a | 1.5 | 2x | b | >= 1.8x | met |" in text


def test_two_runs_are_compared_by_row():
    old = json.loads(json.dumps([Row("P1", "a", "b", 1.0, 2.0).as_json()]))
    text = comparison([Row("P1", "a", "b", 1.0, 3.0), Row("P1", "new", "b", 1.0, 9.0)], old)
    assert "| P1 | a | b | 2 | 3 |" in text and "new" not in text


def test_every_goal_has_a_row_in_some_section():
    found = set()
    for file in FOLDER.glob("*.py"):
        if file.name == "goals.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {goal for goal in GOALS if goal == node.value}
    found |= {"P8", "P9", "P10"} if 'f"P{8 +' in (FOLDER / "triplets.py").read_text() else set()
    assert found == set(GOALS) == {f"P{n}" for n in range(1, 17)}


def test_a_section_runs_and_writes_table_picture_and_json(tmp_path):
    command = [sys.executable, FOLDER / "run.py", "warm", "--quick", "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "results.json").read_text())
    assert {row["goal"] for row in results["rows"]} == {"P12"}
    assert results["machine"]["torch"] and (tmp_path / "bench.png").stat().st_size > 5000
    assert (tmp_path / "table.md").read_text() == run.stdout
    again = subprocess.run(
        [*command, "--against", tmp_path / "results.json"], capture_output=True, text=True
    )
    assert "| before | now |" in again.stdout


def test_an_unknown_section_is_one_line():
    command = [sys.executable, FOLDER / "run.py", "speed"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 2
    assert 'section: received "speed", allowed steps, small, svd' in run.stderr
