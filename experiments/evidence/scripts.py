# SPDX-License-Identifier: Apache-2.0
"""For experiments that are no sweep: their arguments, and the table.jsonl that they make.

A line has what a sweep's has, so that everything else reads both alike.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def arguments(description: str, **sizes: int) -> argparse.Namespace:
    """The arguments that reproduce.py gives to every script, and sizes, which a trial run may take
    smaller: it prints its lines then, and stores nothing."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--binary", default="build/bin/steepest", help="the trainer")
    parser.add_argument("--text", default="", help="folder of Python sources")
    parser.add_argument("--seeds", nargs="*", type=int, help="others than those of expected.json")
    for name, size in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    given = parser.parse_args()
    given.is_trial = given.seeds is not None or any(getattr(given, n) != sizes[n] for n in sizes)
    return given


def seeds_of(folder: Path, given: argparse.Namespace) -> list[int]:
    """The seeds of expected.json, or those of a trial run."""
    said = json.loads((folder / "expected.json").read_text())["seeds"]
    return list(said if given.seeds is None else given.seeds)


def processor_name() -> str:
    """The processor, as the system tells it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def commit_name() -> str:
    """The commit of this tree, with a mark where files have been changed; "unknown" without git."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--exclude=*"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
    )
    return done.stdout.strip() or "unknown"


def line_of(
    arm: str, row: dict[str, Any], seed: int, values: dict[str, Any] | None = None, **measured: Any
) -> Line:
    """A line of the table, of something that has ended well; seed 0 is a trial, of these values."""
    values = values or {}
    words = [arm, *(f"{value}" for value in [*row.values(), *values.values()]), f"{seed}"]
    return {
        "key": " ".join(words),
        "stage": "report" if seed else "tune",
        "arm": arm,
        "row": row,
        "values": values,
        "seed": seed,
        "status": "done",
        **{name: round(x, 6) if isinstance(x, float) else x for name, x in measured.items()},
        "versions": {"torch": importlib.metadata.version("torch").partition("+")[0]},
        "commit": commit_name(),
        "processor": processor_name(),
    }


def write_table(folder: Path, lines: Iterable[Line], is_trial: bool = False) -> None:
    """Writes table.jsonl anew; of a trial run, prints the lines instead."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    if is_trial:
        print(text, end="")
    else:
        (folder / "table.jsonl").write_text(text)
