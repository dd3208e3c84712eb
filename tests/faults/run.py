#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make test-faults`: provokes faults and prints whether each ends as promised.

Cases 1 to 32 are a checklist for training systems; F1 and on are faults that this project has had.
Exit code 1 when any does not hold. `run.py --only 2,F3 --long --jobs 1 --keep FOLDER`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kit

MODULES = (
    "kills disk files damage data data_changes config nan matrices shapes state tampered growth "
    "processes sanitized"
).split()
LIMIT = {False: 900, True: 4 * 3600}  # seconds a case, on a busy machine too


def order(number: str) -> tuple[bool, int]:
    return number.startswith("F"), int(number.lstrip("F"))


def child(module: str, number: str, folder: str, long: bool) -> None:
    """One case, in a process of its own; its last line is the result."""
    importlib.import_module(module)
    trial = kit.Trial(Path(folder), long)
    trial.folder.mkdir(parents=True, exist_ok=True)
    try:
        held, evidence = kit.CASES[number].run(trial)
    except Exception as error:  # a fault of the case is no fault that held
        held, evidence = trial.result(f"{type(error).__name__}: {error}")
        held = False
    own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    result = {"held": held, "evidence": kit.printable(evidence, 700)}
    result["cpu"] = sum(used.ru_utime + used.ru_stime for used in (own, children))
    print("\n" + json.dumps(result), flush=True)
    os._exit(0)  # threads and atexit hooks of a broken case have no say any more


def run_case(number: str, folder: Path, long: bool, keep: bool) -> dict:
    module = kit.CASES[number].run.__module__
    command = [sys.executable, __file__, "--child", module, number, str(folder / number)]
    begin = time.monotonic()
    with subprocess.Popen(
        command + ["--long"] * long,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "STEEPEST_FAULTS_TMP": str(folder)},
    ) as process:
        try:
            out, err = process.communicate(timeout=LIMIT[long])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the case's own session
            out, err = process.communicate()
    try:
        result = json.loads(out.decode(errors="replace").strip().splitlines()[-1])
    except (ValueError, IndexError):
        tail = err.decode(errors="replace").strip().splitlines()[-1:]
        said = f"the case ended by {process.returncode}: {tail}"
        result = {"held": False, "evidence": said, "cpu": math.nan}
    if not keep:
        shutil.rmtree(folder / number, ignore_errors=True)
    return {**result, "seconds": time.monotonic() - begin}


def print_row(number: str, result: dict, width: int) -> None:
    case = kit.CASES[number]
    held = "yes" if result["held"] else "NO "
    print(f"{number:>4}  {held}  {result['seconds']:6.1f} s  {result['cpu']:6.1f} s  {case.title}")
    for name in ("promise", "evidence"):
        text = case.promise if name == "promise" else result["evidence"]
        print(textwrap.fill(text, width, initial_indent=" " * 31, subsequent_indent=" " * 31))
    sys.stdout.flush()


def report(results: dict[str, dict], jobs: int, seconds: float, file: Path | None) -> int:
    width = min(shutil.get_terminal_size((140, 24)).columns, 160)
    print(f"\ncase  held      time       CPU  title / what is promised / evidence\n{'-' * width}")
    for number in sorted(results, key=order):
        print_row(number, results[number], width)
    print("-" * width)
    for what, further in (("of the checklist", False), ("further cases", True)):
        some = [r["held"] for n, r in results.items() if n.startswith("F") == further]
        if some:
            print(f"{sum(some)} of {len(some)} {what}")
    broken = [n for n in sorted(results, key=order) if not results[n]["held"]]
    cpu = sum(r["cpu"] for r in results.values())
    without = f"; not held: {', '.join(broken)}" * bool(broken)
    print(f"{seconds:.0f} s with {jobs} jobs, {cpu:.0f} s of CPU{without}")
    if file:
        table = {n: {"title": kit.CASES[n].title, **results[n]} for n in results}
        file.write_text(json.dumps(table, indent=1))
    return 1 if broken else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", help="case numbers, comma-separated")
    parser.add_argument("--long", action="store_true", help="100 kills, every cut, fuzzing: hours")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--keep", type=Path, help="leave the cases' files in this folder")
    parser.add_argument("--json", type=Path, help="the table for programs")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child, args.long)
    for name in MODULES:
        importlib.import_module(name)
    if args.list:
        for number in sorted(kit.CASES, key=order):
            print(f"{number:>4}  {kit.CASES[number].title}: {kit.CASES[number].promise}")
        return 0
    chosen = args.only.split(",") if args.only else list(kit.CASES)
    if unknown := set(chosen) - set(kit.CASES):
        sys.exit(f"--only: received {', '.join(sorted(unknown))}, allowed what --list shows")
    if not kit.CLI.exists():
        sys.exit(f"{kit.CLI} is not there: make build")
    chosen.sort(key=lambda n: (not kit.CASES[n].heavy, order(n)))
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="steepest-faults-") as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["STEEPEST_FAULTS_TMP"] = str(folder)
        kit.shim()

        def one(number: str) -> dict:
            result = run_case(number, folder, args.long, args.keep is not None)
            said = "held" if result["held"] else f"NOT HELD, {result['evidence']}"
            print(f"{number}: {said}", file=sys.stderr, flush=True)
            return result

        with ThreadPoolExecutor(args.jobs) as pool:
            results = dict(zip(chosen, pool.map(one, chosen)))
    return report(results, args.jobs, time.monotonic() - begin, args.json)


if __name__ == "__main__":
    sys.exit(main())
