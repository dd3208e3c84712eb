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


def arguments(description: str) -> argparse.Namespace:
    """The arguments that reproduce.py gives to every script."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--binary", default="build/bin/steepest", help="the trainer")
    parser.add_argument("--text", default="", help="folder of Python sources")
    return parser.parse_args()


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


def line_of(arm: str, row: dict[str, Any], seed: int, **measured: Any) -> Line:
    """A line of the table, of something that has ended well."""
    words = [arm, *(f"{value}" for value in row.values()), f"{seed}"]
    return {
        "key": " ".join(words),
        "stage": "report",
        "arm": arm,
        "row": row,
        "values": {},
        "seed": seed,
        "status": "done",
        **{name: round(x, 6) if isinstance(x, float) else x for name, x in measured.items()},
        "versions": {"torch": importlib.metadata.version("torch").partition("+")[0]},
        "commit": commit_name(),
        "processor": processor_name(),
    }


def write_table(folder: Path, lines: Iterable[Line]) -> None:
    """Writes table.jsonl anew."""
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    (folder / "table.jsonl").write_text(text)
