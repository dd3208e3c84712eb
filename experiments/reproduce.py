# SPDX-License-Identifier: Apache-2.0
"""make reproduce: runs the experiments of reproduce.json, judges them, and adds up the minutes.

    python experiments/reproduce.py [--only lag] [--text FOLDER] [--cifar10 FOLDER]
                                    [--binary FILE] [--jobs 2] [--plan]

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
from math import prod
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from evidence.tables import flat, tomllib  # noqa: E402

GROWTH = 4  # values that a grid of half decades may add: two at a time, twice at most


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


def values_of(axes: dict[str, Any], growth: int) -> int:
    """The combinations of axes: lists, or grids of half decades, which may grow by so many."""
    counts = []
    for axis in flat(axes).values():
        if isinstance(axis, dict):
            width = 2 if axis.get("step") == "decade" else 1
            digits = [f"{float(axis[end]):.0e}".split("e") for end in ("from", "to")]
            first, last = (2 * int(power) + (digit == "3") for digit, power in digits)
            counts.append((last - first) // width + 1 + growth)
        else:
            counts.append(len(axis))
    return prod(counts)


def runs_of(folder: Path) -> tuple[int, int]:
    """The runs of a folder's sweep: as it is written, and where every grid grows as far as it may.
    Runs that other experiments share count, too. (0, 0) where a script takes its place."""
    file = folder / "sweep.toml"
    sweep = tomllib.loads(file.read_text()) if file.exists() else {"seeds": [], "arm": []}
    counts = [0, 0]
    for arm in sweep["arm"]:
        rows = values_of({**sweep.get("axes", {}), **arm.get("axes", {})}, 0)
        tuned = {**sweep.get("tune", {}), **arm.get("tune", {})}
        for place, growth in enumerate((0, GROWTH)):
            counts[place] += rows * (
                len(sweep["seeds"]) + (values_of(tuned, growth) if tuned else 0)
            )
    return counts[0], counts[1]


def most_minutes(experiment: dict) -> float:
    """The CPU minutes where every grid grows as far as it may."""
    written, most = runs_of(HERE / experiment["folder"])
    return experiment["minutes"] * (most / written if written else 1)


def plan_lines(experiments: list[dict]) -> list[str]:
    """What the experiments will take, and the sum."""
    lines = []
    for each in experiments:
        written, most = runs_of(HERE / each["folder"])
        runs = f"{written} runs, {most} where all grids grow" if written else "a script"
        lines.append(f"{each['name']:12} {each['minutes']:5} CPU minutes; {runs}")
    total, most = sum(e["minutes"] for e in experiments), sum(map(most_minutes, experiments))
    hours = f"{total / 120:.1f} hours on 2 cores, {most / 120:.1f} where all grids grow"
    return [*lines, f"{'sum':12} {total:5} CPU minutes: {hours}"]


def commands_of(experiment: dict, given: argparse.Namespace) -> list[list[str]]:
    """The commands that run and judge an experiment, after those that turn its text into tokens,
    where it has a vocabulary; none where its data are not given."""
    folder, data = HERE / experiment["folder"], experiment.get("data", "text")
    if data == "cifar10" and not given.cifar10:
        return []
    text = given.text or (torch_folder() if data == "text" else "")
    judge = [sys.executable, str(HERE / "verdict.py"), str(folder), "--store"]
    if "script" in experiment:
        script = [sys.executable, str(folder / experiment["script"]), "--binary", given.binary]
        return [[*script, *(["--text", text] if text else [])], judge]
    path = {"text": text, "cifar10": given.cifar10}.get(data)
    sets, first = ["--set", f"data.path={path}"] if path else [], []
    if "vocab" in experiment:
        shards = folder / "sweep" / "shards"
        program = [sys.executable, str(HERE.parent / "scripts" / "token_shards.py"), text]
        options = ["--out", str(shards), "--extensions", ".py", "--vocab", str(experiment["vocab"])]
        first = [program + options]
        validation = f"data.validation_path={shards}/validation.bin"
        sets = ["--set", f"data.path={shards}/train.bin", "--set", validation]
    sweep = [given.binary, "sweep", str(folder / "sweep.toml"), *sets, "--jobs", str(given.jobs)]
    return [*first, sweep, judge]


def run(experiment: dict, given: argparse.Namespace) -> float | None:
    """Runs one experiment and judges it; the minutes that it took, None where it was not run. Ends
    the program where it fails."""
    begin, commands = time.monotonic(), commands_of(experiment, given)
    if not commands:
        print(f"{experiment['name']}: not run, needs --cifar10 (CIFAR10=FOLDER)", flush=True)
        return None
    print(f"{experiment['name']}: about {experiment['minutes']} CPU minutes", flush=True)
    for command in commands:
        if code := subprocess.run(command).returncode:
            raise SystemExit(code if code > 0 else 128 - code)
    return (time.monotonic() - begin) / 60


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="the name of one experiment")
    parser.add_argument("--text", help="folder of Python sources; default: torch's")
    parser.add_argument("--cifar10", help="folder of CIFAR-10's binaries")
    parser.add_argument("--binary", default="build/bin/steepest", help="the trainer")
    parser.add_argument("--jobs", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--plan", action="store_true", help="print what it takes, and run nothing")
    given = parser.parse_args()
    experiments = chosen(given.only)
    print("\n".join(plan_lines(experiments)), flush=True)
    if given.plan:
        return
    taken = {each["name"]: run(each, given) for each in experiments}
    for name, minutes in taken.items():
        print(f"{name:12} " + ("not run" if minutes is None else f"{minutes:6.1f} minutes"))
    print(f"{'sum':12} {sum(filter(None, taken.values())):6.1f} minutes")


if __name__ == "__main__":
    main()
