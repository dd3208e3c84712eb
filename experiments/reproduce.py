# SPDX-License-Identifier: Apache-2.0
"""make reproduce: runs the experiments of reproduce.json, judges them, and adds up the minutes.

    python experiments/reproduce.py [--only lag] [--text FOLDER] [--binary FILE] [--jobs 2]

What has been run already is not run again, and Ctrl-C may stop it at any time: the same command
goes on. The stored tables are replaced once an experiment's sweep is complete.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


def torch_folder() -> str:
    """The folder of the installed torch package, without importing it."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("reproduce.py: received no torch, allowed --text FOLDER")
    return found.submodule_search_locations[0]


def chosen(only: str | None) -> list[dict]:
    """The experiments to run, in order; an unknown name ends the program."""
    known = json.loads((HERE / "reproduce.json").read_text())
    picked = [each for each in known if only in (None, each["name"])]
    if not picked:
        names = ", ".join(each["name"] for each in known)
        raise SystemExit(f"reproduce.py: --only: received {only!r}, allowed {names}")
    return picked


def run(experiment: dict, binary: str, text: str, jobs: int) -> float:
    """Runs one experiment's sweep and judges it; the minutes that it took. Ends the program where
    the sweep fails."""
    folder, begin = HERE / experiment["folder"], time.monotonic()
    print(f"{experiment['name']}: about {experiment['minutes']} CPU minutes", flush=True)
    sweep = [binary, "sweep", str(folder / "sweep.toml"), "--set", f"data.path={text}"]
    for command in (
        [*sweep, "--jobs", str(jobs)],
        [sys.executable, str(HERE / "verdict.py"), str(folder), "--store"],
    ):
        if code := subprocess.run(command).returncode:
            raise SystemExit(code if code > 0 else 128 - code)
    return (time.monotonic() - begin) / 60


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="the name of one experiment")
    parser.add_argument("--text", help="folder of Python sources; default: torch's")
    parser.add_argument("--binary", default="build/bin/steepest", help="the trainer")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one a core")
    given = parser.parse_args()
    text, taken = given.text or torch_folder(), {}
    for experiment in chosen(given.only):
        taken[experiment["name"]] = run(experiment, given.binary, text, given.jobs)
    for name, minutes in taken.items():
        print(f"{name:12} {minutes:6.1f} minutes")
    print(f"{'sum':12} {sum(taken.values()):6.1f} minutes")


if __name__ == "__main__":
    main()
