# SPDX-License-Identifier: Apache-2.0
"""One cell of the experiments, run again by their own sweep files: it ends where the table says."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
LAG = ROOT / "experiments" / "variants" / "lag"
CLI = os.environ["STEEPEST_CLI"]
TORCH = Path(torch.__file__).parent
# Kernels of another processor round otherwise, and 300 steps amplify that, at most to what seeds
# differ by: their deviation is .013, so that of a difference .018.
PROCESSORS = 0.06
CELLS = [
    ("con", {"optimizer.backup": "inf", "optimizer.outer": "max"}),
    ("reg", {"optimizer.backup": "ada_2", "optimizer.outer": "hybrid"}),
]


@pytest.fixture(scope="module")
def stored():
    """The stored lines of the reported runs; the text is the sources of the torch they name."""
    lines = [json.loads(line) for line in (LAG / "table.jsonl").read_text().splitlines()]
    if lines[0]["versions"]["torch"] != torch.__version__.split("+")[0]:
        pytest.skip(f"the runs read the sources of torch {lines[0]['versions']['torch']}")
    return [line for line in lines if line["stage"] == "report"]


@pytest.mark.parametrize("arm, row", CELLS)
def test_a_cell_ends_where_the_table_says(tmp_path, stored, arm, row):
    (then,) = [x for x in stored if (x["arm"], x["row"], x["seed"]) == (arm, row, 11)]
    chosen = json.loads((LAG / "verdict.json").read_text())["rows"]
    choices = [
        {"arm": c["arm"], "row": c["row"], "choice": c["values"], "edge": c["edges"]}
        | {"val_loss": c["mean"], "train_loss": c["mean"], "trials": c["trials"] or 0}
        for c in chosen
        if c["row"] == row and c["arm"] in ("con", "reg")
    ]
    (tmp_path / "base.toml").write_text((LAG / "base.toml").read_text())
    sweep, once = re.subn(r"(?m)^seeds = .*$", "seeds = [11]", (LAG / "sweep.toml").read_text())
    assert once == 1
    (tmp_path / "sweep.toml").write_text(sweep)
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "choice.json").write_text(json.dumps(choices))
    name = f"{arm}/{row['optimizer.backup']},{row['optimizer.outer']}"
    words = [CLI, "sweep", tmp_path / "sweep.toml", "--set", f"data.path={TORCH}"]
    words += ["--stage", "report", "--only", name, "--jobs", "1"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "sweep" / "table.jsonl").read_text().splitlines()
    (now,) = [json.loads(line) for line in lines]
    assert now["values"] == then["values"] and now["status"] == "done"
    assert now["steps"] == then["steps"] == 300
    assert abs(now["first_loss"] - then["first_loss"]) < 1e-4  # the same weights and data
    assert abs(now["val_loss"] - then["val_loss"]) < PROCESSORS
    print(f"{name}: {now['val_loss']:.6f}, then {then['val_loss']:.6f}")
