# SPDX-License-Identifier: Apache-2.0
"""One cell of each stored experiment, run again by its own sweep file, goes as the table says.

The first 60 steps of it, which in every schedule here come before the rates fall; two minutes in
all. One is run to its end.
"""

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from statistics import fmean

import claims
import pytest
import torch
from evidence.tables import row_of

ROOT = Path(__file__).resolve().parents[2]
CLI = os.environ["STEEPEST_CLI"]
TORCH = Path(torch.__file__).parent
EXPERIMENTS = claims.EXPERIMENTS
STEPS = 60
# Kernels of another processor round otherwise, and steps amplify that: after 300 of them at most
# to what seeds differ by. Their deviation is .013, so that of a difference .018.
PROCESSORS = 0.06

# Of each sweep an arm none of whose runs reads another one; its first stored row is the cell.
CELLS = {
    "muon/cubic": "cubic5",
    "muon/curve": "baseline",
    "muon/fine-tuning": "pre-muon",
    "muon/grokking": "muon-tuned",
    "muon/llm": "adamw",
    "muon/low-rank": "sgd",
    "muon/polar": "after",
    "muon/shampoo": "soap",
    "muon/vocabulary": "adamw",
    "neon/batch": "muon-1024",
    "neon/cnn": "adamw",
    "neon/convex": "nsgd",
    "neon/mlp": "adamw",
    "neon/rank": "neon",
    "variants/fstar": "con-part",
    "variants/lag": "reg",
    "variants/no-rate": "con-known",
    "variants/resnet": "con-max-ada-inf",
    "variants/sensitivity": "muon-momo",
    "variants/size": "con-64",
    "variants/stale": "momo-stale",
    "variants/table": "momo",
    "variants/warm-up": "muon-clip",
}
LISTED = json.loads((EXPERIMENTS / "reproduce.json").read_text())
TOKENS = {each["folder"]: "tokens" for each in LISTED if "vocab" in each}
DATA = {each["folder"]: each.get("data", "text") for each in LISTED} | TOKENS


def stored(folder):
    """The stored lines of an experiment; none where it has not been run."""
    table = EXPERIMENTS / folder / "table.jsonl"
    return [json.loads(x) for x in table.read_text().splitlines()] if table.exists() else []


def cell_of(folder, arm):
    """The stored line of a cell; skips where its data are not here."""
    lines = [x for x in stored(folder) if x["arm"] == arm and x["stage"] == "report"]
    assert lines, f"{folder}: no run of {arm} is stored"
    if DATA[folder] not in ("text", "none"):
        pytest.skip(f"needs the data of {DATA[folder]}")
    if DATA[folder] == "text" and lines[0]["versions"]["torch"] != torch.__version__.split("+")[0]:
        pytest.skip(f"the runs read the sources of torch {lines[0]['versions']['torch']}")
    return min((x for x in lines if row_of(x["row"]) == row_of(lines[0]["row"])), key=seed_of)


def seed_of(line):
    return line["seed"]


def values_of(line):
    """The values of a line, as near as a table has them: it rounds the loss that another run ended
    with."""
    numbers = line["values"].items()
    return {name: pytest.approx(x, rel=1e-5) if name == "train_loss" else x for name, x in numbers}


def choices_of(folder):
    """What choice.json had, from the table: of each row what its reported runs were made with, and
    the training loss of that trial."""
    lines, found = stored(folder), {}
    for x in lines:
        if x["stage"] == "report":
            found[x["arm"], row_of(x["row"])] = x
    for (arm, row), x in found.items():
        trials = [t for t in lines if (t["arm"], row_of(t["row"])) == (arm, row)]
        same = [t for t in trials if t["stage"] == "tune" and t["values"] == x["values"]]
        losses = {name: (same or [x])[0].get(name) for name in ("train_loss", "val_loss")}
        whole = {"arm": arm, "row": x["row"], "choice": x["values"], "edge": [], "trials": 0}
        yield whole | losses


def copied_sweep(folder, seed, steps):
    """The sweep's text with one seed, for another folder; arms that have steps get so many."""
    source = EXPERIMENTS / folder
    text = (source / "sweep.toml").read_text()
    base = (source / re.search(r'(?m)^base = "(.*)"$', text)[1]).resolve()
    text = re.sub(r'(?m)^base = ".*"$', f'base = "{base}"', text)
    text = re.sub(r'(?m)^out = ".*"\n', "", text)
    text = re.sub(r"(?m)^seeds = .*$", f"seeds = [{seed}]", text)
    if steps:
        text = re.sub(r"run\.steps = \d+", f"run.steps = {steps}", text)
    return text, 'kind = "constant_linear"' in base.read_text()


def run_again(tmp_path, folder, cell, steps=None):
    """The losses of the cell's steps, and its line: of so many steps at constant rates, or all."""
    text, falls = copied_sweep(folder, cell["seed"], steps)
    (tmp_path / "sweep.toml").write_text(text)
    out = tmp_path / "sweep"
    out.mkdir()
    (out / "choice.json").write_text(json.dumps(list(choices_of(folder))))
    name = cell["arm"]
    if cell["row"]:
        name += "/" + ",".join(map(str, cell["row"].values()))
    sets = [f"data.path={TORCH}"] if DATA[folder] == "text" else []
    if steps:
        sets += [f"run.steps={steps}", "run.eval_batches=8"]
        sets += ["schedule.constant_fraction=1"] if falls else []
    words = [CLI, "sweep", tmp_path / "sweep.toml", "--stage", "report", "--only", name]
    words += ["--jobs", "1", *(word for each in sets for word in ("--set", each))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    (now,) = [json.loads(x) for x in (out / "table.jsonl").read_text().splitlines()]
    metrics = (out / "runs" / now["key"] / "metrics.jsonl").read_text().splitlines()
    return [x["loss"] for x in map(json.loads, metrics) if "loss" in x], now


STORED = [folder for folder in sorted(CELLS) if stored(folder)]


def test_every_sweep_has_a_cell():
    sweeps = EXPERIMENTS.glob("*/*/sweep.toml")
    assert sorted(CELLS) == sorted(str(x.parent.relative_to(EXPERIMENTS)) for x in sweeps)


@pytest.mark.parametrize("folder", STORED)
def test_a_cell_begins_as_the_table_says(tmp_path, folder):
    then = cell_of(folder, CELLS[folder])
    losses, now = run_again(tmp_path, folder, then, STEPS)
    assert now["values"] == values_of(then) and now["status"] == "done" and len(losses) == STEPS
    # The same weights and data.
    assert now["first_loss"] == pytest.approx(then["first_loss"], abs=1e-4, rel=1e-5)
    ends = [(end, mean) for end, mean in then["curve"] if end <= STEPS]
    assert ends, then["curve"][0]
    for begin, (end, mean) in zip([0, *(end for end, _ in ends)], ends):
        found = fmean(losses[begin:end])
        assert found == pytest.approx(mean, abs=PROCESSORS, rel=1e-3), f"steps {begin} to {end}"


def test_a_cell_ends_where_the_table_says(tmp_path):
    then = cell_of("variants/lag", "con")
    _, now = run_again(tmp_path, "variants/lag", then)
    assert now["values"] == values_of(then) and now["steps"] == then["steps"] == 300
    assert abs(now["val_loss"] - then["val_loss"]) < PROCESSORS
    print(f"{now['val_loss']:.6f}, then {then['val_loss']:.6f}")


def script_of(folder):
    """The module run.py of an experiment that is no sweep."""
    place = EXPERIMENTS / folder / "run.py"
    spec = importlib.util.spec_from_file_location(folder.replace("/", "_"), place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not stored("neon/slopes"), reason="not run")
def test_a_gradient_falls_as_the_table_says():
    (then,) = [
        x
        for x in stored("neon/slopes")
        if x["key"].startswith("full spectral 0.") and x["seed"] == 11
    ]
    run = script_of("neon/slopes")
    now = run.least_gradient("spectral", 0.0, then["values"]["c"], run.HORIZONS[0], 11, 50)
    assert now == pytest.approx(then["least_gradients"][0], rel=0.02)


@pytest.mark.skipif(not stored("muon/overhead"), reason="not run")
def test_products_are_counted_as_the_table_says():
    lines = [x for x in stored("muon/overhead") if x["arm"] == "counted"]
    (then,) = [x for x in lines if x["row"] == {"model": "small-1024"}]
    run = script_of("muon/overhead")
    assert run.counted(CLI, run.SMALL, ["batch.rows=16"])["overhead"] == then["overhead"]
