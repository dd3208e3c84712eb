# SPDX-License-Identifier: Apache-2.0
"""benchmarks/traffic.py: its formula, its table, and the bytes that processes really send."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))
from traffic import least, table  # noqa: E402


def test_the_least_of_one_owner():
    # Of four shards of 100 numbers, the owner gets 75 and gives 75: 150 by four processes.
    assert least([(10, 10)], "FSDP2", 4, 2) == 150 * 2 / 4
    assert least([(10, 10)], "FSDP2", 2, 4) == 100 * 4 / 2
    # It gives replicas 100 each: 300 by four.
    assert least([(10, 10)], "DDP", 4, 4) == 300 * 4 / 4
    assert least([(10, 10), (5, 4)], "DDP", 2, 1) == 120 / 2


def test_a_row_of_the_table_says_how_far_from_the_least_or_why_not():
    row = {"model": "GPT", "layout": "FSDP2", "name": "a", "number": 4, "processes": 2}
    counted = {**row, "bytes": 2100.0, "least": 2000.0, "collectives": 3, "off": 0.0}
    text = table([counted, {**row, "refused": "RuntimeError: uneven"}])
    assert "| 2 | FSDP2 | GPT | a | 4 | 2.1 | 1.050 | 3 | 0e+00 |" in text
    assert "refused: RuntimeError: uneven" in text


def test_a_step_sends_the_least(tmp_path):
    unshare = shutil.which("unshare") or "false"
    if subprocess.run([unshare, "-rn", "true"], check=False).returncode:
        pytest.skip("needs a network of its own: unshare -rn is refused here")
    command = [sys.executable, FOLDER / "traffic.py", "--processes", "2"]
    command += ["--only", "steepest.Muon", "full_tensor() loop", "--json", tmp_path / "rows.json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 6
    ours = [row for row in rows if row["name"] == "steepest.Muon"]
    for row in ours:
        assert 1 <= row["bytes"] / row["least"] <= 1.05, row
        # A sum that finds missing gradients; u there, directions back.
        assert row["collectives"] == 3 and row["off"] == 0, row
    loops = [row for row in rows if row["name"] != "steepest.Muon"]
    assert [row["collectives"] for row in loops] == [8, 12]  # one a matrix
