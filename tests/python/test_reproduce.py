# SPDX-License-Identifier: Apache-2.0
"""make reproduce: the sweep of what is asked for, and its verdict."""

import sys
from types import SimpleNamespace

import claims
import pytest
import reproduce


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
