# SPDX-License-Identifier: Apache-2.0
"""make reproduce: the sweep of what is asked for, and its verdict."""

import sys
from types import SimpleNamespace

import claims
import pytest
import reproduce
from evidence.tables import Sweep, read_lines, row_of


def test_reproduce_runs_and_judges_what_is_asked_for(monkeypatch, capsys):
    commands = []
    done = SimpleNamespace(returncode=0)
    monkeypatch.setattr(reproduce.subprocess, "run", lambda c: commands.append(c) or done)
    arguments = ["reproduce.py", "--only", "stale", "--text", "TEXT", "--binary", "steepest"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--jobs", "1"])
    reproduce.main()
    folder = str(claims.EXPERIMENTS / "variants/stale")
    sweep = ["steepest", "sweep", folder + "/sweep.toml", "--set", "data.path=TEXT", "--jobs", "1"]
    assert commands == [
        sweep,
        [sys.executable, str(claims.EXPERIMENTS / "verdict.py"), folder, "--store"],
    ]
    assert "stale" in capsys.readouterr().out
    done.returncode = -2  # the sweep was interrupted: nothing is judged
    with pytest.raises(SystemExit) as ended:
        reproduce.main()
    assert ended.value.code == 130 and len(commands) == 3
    with pytest.raises(SystemExit, match="received 'x', allowed lag, table"):
        reproduce.chosen("x")


def test_what_runs_where_no_sweep_is_run(monkeypatch, capsys):
    commands, listed = (
        [],
        [
            {"name": "text", "folder": "muon/overhead", "minutes": 1, "script": "run.py"},
            {"name": "plain", "folder": "neon/convex", "minutes": 1, "data": "none"},
            {"name": "images", "folder": "neon/convex", "minutes": 1, "data": "cifar10"},
        ],
    )
    done = SimpleNamespace(returncode=0)
    monkeypatch.setattr(reproduce.subprocess, "run", lambda c: commands.append(c) or done)
    monkeypatch.setattr(reproduce, "chosen", lambda only: listed)
    arguments = ["reproduce.py", "--text", "TEXT", "--binary", "steepest", "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", arguments)
    reproduce.main()
    script = str(claims.EXPERIMENTS / "muon/overhead/run.py")
    assert commands[0] == [sys.executable, script, "--binary", "steepest", "--text", "TEXT"]
    sweep = ["steepest", "sweep", str(claims.EXPERIMENTS / "neon/convex/sweep.toml")]
    assert commands[2] == [*sweep, "--jobs", "1"] and len(commands) == 4
    assert "images: not run, needs --cifar10" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", [*arguments, "--cifar10", "PICTURES"])
    reproduce.main()
    assert commands[-2] == [*sweep, "--set", "data.path=PICTURES", "--jobs", "1"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--plan"])
    count = len(commands)
    reproduce.main()
    assert len(commands) == count


def test_the_plan_counts_grids_that_grow(tmp_path, monkeypatch):
    (tmp_path / "sweep.toml").write_text("""
seeds = [11, 12]
[axes]
n = ["a", "b", "c"]
[[arm]]
name = "a"
tune = { r = { from = 0.01, to = 1.0, step = "decade" }, lr = { from = 0.003, to = 0.1 } }
[[arm]]
name = "b"
tune = { k = [1, 2] }
[[arm]]
name = "c"
""")
    # 3 rows of 3 x 4 trials and 2 seeds, of 2 and 2, of 2; grown: 3 rows of 7 x 8 trials.
    assert reproduce.runs_of(tmp_path) == (42 + 12 + 6, 3 * 58 + 12 + 6)
    monkeypatch.setattr(reproduce, "HERE", tmp_path)
    (sum_line,) = reproduce.plan_lines([{"name": "x", "folder": ".", "minutes": 60}])[1:]
    assert (
        sum_line == "sum             60 CPU minutes: 0.5 hours on 2 cores, 1.6 where all grids grow"
    )


def test_a_vocabulary_is_made_before_its_sweep():
    (experiment,) = reproduce.chosen("vocabulary")
    given = SimpleNamespace(binary="steepest", text="TEXT", cifar10=None, jobs=1)
    shards, sweep, verdict = reproduce.commands_of(experiment, given)
    folder = claims.EXPERIMENTS / "muon/vocabulary"
    out = f"{folder}/sweep/shards"
    assert shards[2:] == ["TEXT", "--out", out, "--extensions", ".py", "--vocab", "4096"]
    assert sweep[3:] == [
        *("--set", f"data.path={out}/train.bin"),
        *("--set", f"data.validation_path={out}/validation.bin"),
        *("--jobs", "1"),
    ]
    assert verdict[2:] == [str(folder), "--store"]


def test_the_minutes_are_those_that_the_stored_runs_took():
    """Of a run that several experiments share, those of the first one. Grids grow and machines are
    shared, so a third more or less is no error."""
    seen = set()
    for each in reproduce.chosen(None):
        folder, seconds = claims.EXPERIMENTS / each["folder"], 0.0
        place = Sweep(folder).table.resolve()
        for line in read_lines(folder / "table.jsonl"):
            # What another run ended with is rounded, and a key changes with the trainer.
            values = {k: round(x, 4) if k == "train_loss" else x for k, x in line["values"].items()}
            name = (line["arm"], line["stage"], line["seed"], row_of(line["row"]), row_of(values))
            seconds += 0 if (place, name) in seen else line.get("cpu_seconds", 0)
            seen.add((place, name))
        if seconds:
            minutes = pytest.approx(seconds / 60, rel=0.33, abs=1)
            assert each["minutes"] == minutes, each["name"]
