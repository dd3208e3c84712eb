# SPDX-License-Identifier: Apache-2.0
"""steepest sweep: a table that no interruption changes."""

import json
import os
import signal
import subprocess
import time

import pytest

from trainer import CLI, steepest

BASE = """
[run]
steps = 30
checkpoint_every = 5
measure_duals = true
[model]
kind = "mlp"
widths = [16]
[data]
kind = "procedural"
train_images = 200
validation_images = 50
[batch]
rows = 16
[optimizer]
recipe = "muon-adam"
"""

SWEEP = """
base = "base.toml"
seeds = [11, 12, 13, 14]
reach = [100.0, 0.0]
[[arm]]
name = "reg"
set = { optimizer.update = "regularized" }
tune = { optimizer.lr = [3e-5, 1e-4, 3e-4] }
ties = { optimizer.backup_lr = "0.01 * optimizer.lr" }
[[arm]]
name = "driven"
set = { optimizer.update = "constrained", schedule.kind = "replay" }
take = { optimizer.lr = "reg" }
ties = { optimizer.backup_lr = "0.1 * optimizer.lr", schedule.path = "run(reg, next)" }
"""

TIMES = ("seconds", "cpu_seconds", "optimizer_share", "resumed", "reached")


def write_sweep(folder, text=SWEEP):
    folder.mkdir()
    (folder / "base.toml").write_text(BASE)
    (folder / "sweep.toml").write_text(text)
    return folder / "sweep.toml"


def table(folder):
    return [json.loads(line) for line in (folder / "sweep/table.jsonl").read_text().splitlines()]


def timeless(folder):
    """The table without what takes time, in an order of its own."""
    lines = [{k: v for k, v in line.items() if k not in TIMES} for line in table(folder)]
    return sorted(lines, key=lambda line: json.dumps(line))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A sweep that nobody has disturbed."""
    folder = tmp_path_factory.mktemp("sweeps") / "whole"
    done = steepest("sweep", write_sweep(folder), "--jobs", 2)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_every_run_is_a_line(whole):
    folder, done = whole
    lines = table(folder)
    assert [line["stage"] for line in lines].count("tune") == 3
    assert {(line["arm"], line["seed"]) for line in lines if line["stage"] == "report"} == {
        (arm, seed) for arm in ("reg", "driven") for seed in (11, 12, 13, 14)
    }
    for line in lines:
        assert line["status"] == "done" and line["steps"] == 30
        assert len(line["curve"]) == 30 and line["val_loss"] < line["first_loss"]
        assert line["cpu_seconds"] > 0 and 0 < line["optimizer_share"] < 1
        assert line["q_below_1"] is None and line["D"][0][1] > 0
        assert line["versions"]["torch"] and line["commit"] and line["processor"]
        assert line["reached"][0][1] == 30 and line["reached"][1] == [0.0, None, None]
    (choice,) = json.loads((folder / "sweep/choice.json").read_text())
    best = min((line for line in lines if line["stage"] == "tune"), key=lambda x: x["val_loss"])
    assert choice["choice"] == best["values"] and choice["trials"] == 3
    assert "driven" in done.stdout and "mean loss" in done.stdout
    assert not list((folder / "sweep/runs").glob("*/ckpt-*"))


def test_the_same_command_has_nothing_left_to_do(whole):
    folder, first = whole
    before = (folder / "sweep/table.jsonl").read_bytes()
    again = steepest("sweep", folder / "sweep.toml")
    assert again.returncode == 0 and again.stderr == "" and again.stdout == first.stdout
    assert (folder / "sweep/table.jsonl").read_bytes() == before


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def children_of(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(word) for word in found.stdout.split()]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def kill_once(sweep, when, kind):
    """Ends the sweep while a run of it is there: at once, a little later, or after a new line."""
    path = sweep.parent / "sweep/table.jsonl"
    lines = len(table(sweep.parent)) if path.exists() else 0
    process = subprocess.Popen(
        [CLI, "sweep", sweep, "--jobs", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    wait_for(lambda: children_of(process.pid))
    if when == "line":
        wait_for(lambda: len(table(sweep.parent)) > lines and children_of(process.pid))
    else:
        time.sleep(when)
    runs = children_of(process.pid)
    process.send_signal(kind)
    process.communicate(timeout=60)
    assert process.returncode == (-kind if kind == signal.SIGKILL else 128 + kind)
    wait_for(lambda: not any(map(is_alive, runs)))


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])
def test_killed_five_times_it_ends_in_the_same_table(whole, tmp_path, kind):
    sweep = write_sweep(tmp_path / "killed")
    for when in (0, "line", 0.3, "line", 0.6):
        kill_once(sweep, when, kind)
    done = steepest("sweep", sweep)
    assert done.returncode == 0, done.stderr
    assert timeless(sweep.parent) == timeless(whole[0])
    assert done.stdout == whole[1].stdout


def test_a_run_that_dies_is_a_line(tmp_path):
    text = SWEEP.replace("[3e-5, 1e-4, 3e-4]", "[1e-4]").replace(
        "seeds = [11, 12, 13, 14]", "seeds = []"
    )
    sweep = write_sweep(tmp_path / "dies", text)
    (sweep.parent / "base.toml").write_text(BASE.replace("steps = 30", "steps = 1000000"))
    process = subprocess.Popen([CLI, "sweep", sweep], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: list((sweep.parent / "sweep/runs").glob("*/ckpt-*")))
    os.kill(children_of(process.pid)[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    (line,) = table(sweep.parent)
    assert line["status"] == "failed" and line["error"] == "killed by signal 9"
    assert "failed: killed by signal 9" in said and process.returncode == 0
    assert "driven: left out: no trial of reg has ended well" in said


def tuned(folder, axis):
    """The lines of the table and the one choice of a sweep that tunes the rate over ``axis``."""
    text = SWEEP.split("[[arm]]")[0].replace("[11, 12, 13, 14]", "[]")
    sweep = write_sweep(folder, f"{text}[tune]\noptimizer.lr = {axis}\n")
    done = steepest("sweep", sweep, "--stage", "tune")
    assert done.returncode == 0, done.stderr
    (choice,) = json.loads((sweep.parent / "sweep/choice.json").read_text())
    return table(sweep.parent), choice


def test_an_arm_sets_groups(tmp_path):
    text = (
        SWEEP.split("[[arm]]")[0].replace("[11, 12, 13, 14]", "[11]")
        + """
[[arm]]
name = "as-routed"
[[arm]]
name = "frozen"
set = { group.0.match = ["*.weight"], group.0.lr = 0.0 }
[[arm]]
name = "slow"
set = { group.0.match = "*.weight" }
tune = { part = [0.5] }
ties = { group.0.lr = "part * 0.002" }
"""
    )
    sweep = write_sweep(tmp_path / "groups", text)
    done = steepest("sweep", sweep)
    assert done.returncode == 0, done.stderr
    lines = [line for line in table(sweep.parent) if line["stage"] == "report"]
    assert [line["arm"] for line in lines] == ["as-routed", "frozen", "slow"]
    assert len({line["val_loss"] for line in lines}) == 3
    runs = sweep.parent / "sweep/runs"
    files = [(runs / line["key"] / "config.toml").read_text() for line in lines]
    assert [text.count("[[group]]") for text in files] == [0, 1, 1]
    assert "lr = 0.001" in files[2].split("[[group]]")[1]


def test_what_diverges_counts_as_the_worst(tmp_path):
    axis = '{ from = 0.001, to = 100000.0, step = "decade" }'
    lines, choice = tuned(tmp_path / "diverges", axis)
    status = {line["values"]["optimizer.lr"]: line["status"] for line in lines}
    assert status[100000.0] == "diverged" and "done" in status.values()
    assert status[choice["choice"]["optimizer.lr"]] == "done"


def test_an_optimum_at_the_end_extends_the_grid_twice_at_most(tmp_path):
    lines, choice = tuned(tmp_path / "grows", "{ from = 1e-6, to = 3e-6 }")
    rates = sorted(line["values"]["optimizer.lr"] for line in lines)
    assert len(rates) == 6
    assert choice["edge"] == ["optimizer.lr"] and choice["trials"] == 6


def test_cpu_seconds_of_all_starts_add_up(tmp_path):
    text = SWEEP.split("[[arm]]")[0].replace("[11, 12, 13, 14]", "[]")
    sweep = write_sweep(tmp_path / "adds", text + "[tune]\noptimizer.lr = [1e-4]\n")
    steps = "steps = 3000\ncheckpoint_every = 100"
    (sweep.parent / "base.toml").write_text(BASE.replace("steps = 30\ncheckpoint_every = 5", steps))
    process = subprocess.Popen([CLI, "sweep", sweep, "--jobs", "1"], stderr=subprocess.DEVNULL)
    wait_for(lambda: list((sweep.parent / "sweep/runs").glob("*/ckpt-*")))
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130
    (kept,) = (sweep.parent / "sweep/runs").glob("*.cpu")
    assert 0 < float(kept.read_text()) < 1000
    kept.write_text("1000")
    done = steepest("sweep", sweep)
    assert done.returncode == 0, done.stderr
    (line,) = table(sweep.parent)
    assert line["resumed"] and 1000 < line["cpu_seconds"] < 2000
    assert not kept.exists()


def test_lines_of_another_commit_are_told(tmp_path):
    tuned(tmp_path / "old", "[1e-5, 1e-4, 3e-4]")
    path = tmp_path / "old/sweep/table.jsonl"
    first, *others = path.read_text().splitlines()
    commit = json.loads(first)["commit"]
    older = [line.replace(f'"commit":"{commit}"', '"commit":"older"') for line in others]
    path.write_text("\n".join([first, *older]) + "\n")
    done = steepest("sweep", tmp_path / "old/sweep.toml", "--stage", "tune")
    assert done.returncode == 0
    assert done.stderr == f"{path}: 2 of 3 runs are of commit older, this is {commit}\n"


def test_a_dry_run_counts_and_leaves_nothing(tmp_path):
    sweep = write_sweep(tmp_path / "dry")
    done = steepest("sweep", sweep, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "11 runs, " in done.stdout and "CPU minutes" in done.stdout
    assert not list((sweep.parent / "sweep").glob("*"))


def test_only_some_rows(tmp_path):
    sweep = write_sweep(tmp_path / "some")
    done = steepest("sweep", sweep, "--only", "driven")
    assert done.returncode == 2 and 'arm "reg" has chosen none' in done.stderr, done.stderr
    done = steepest("sweep", sweep, "--only", "none/*")
    assert done.returncode == 2 and "allowed a glob that matches rows: reg, .." in done.stderr
    done = steepest("sweep", sweep, "--only", "reg", "--stage", "tune")
    assert done.returncode == 0 and len(table(sweep.parent)) == 3
