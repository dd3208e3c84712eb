# SPDX-License-Identifier: Apache-2.0
"""The loss on Python sources of what ../fine-tuning has trained, before and after C++ headers.

    python experiments/muon/forgetting/run.py

Reads the checkpoints of the runs that ../fine-tuning reports, so that has to be run before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from evidence.scripts import Line, arguments, line_of, seeds_of, write_table  # noqa: E402
from evidence.tables import read_lines  # noqa: E402

SWEEP = HERE.parent / "fine-tuning" / "sweep"
# As many batches as the runs themselves were validated with.
FIRST_TEXT = ["data.changed=accept", 'data.extensions=[".py"]']


def first_text_loss(binary: str, run: Path, text: str) -> float:
    """The validation loss of a run's last weights on the Python sources; an error ends all."""
    sets = [*FIRST_TEXT, *([f"data.path={text}"] if text else [])]
    words = [word for each in sets for word in ("--set", each)]
    command = [binary, "eval", str(run), *words, "--batches", "64"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return float(json.loads(done.stdout)["val_loss"])


def main() -> None:
    """The command."""
    given, lines = arguments(__doc__ or ""), list[Line]()
    runs = [x for x in read_lines(SWEEP / "table.jsonl") if x["seed"] in seeds_of(HERE, given)]
    if not runs:
        raise SystemExit(
            "run.py: received no runs, allowed after `make reproduce ONLY=fine-tuning`"
        )
    for run in runs:
        loss = first_text_loss(given.binary, SWEEP / "runs" / run["key"], given.text)
        lines.append(line_of(run["arm"], {}, run["seed"], first_text_loss=loss))
    write_table(HERE, lines, given.is_trial)


if __name__ == "__main__":
    main()
