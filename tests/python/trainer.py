# SPDX-License-Identifier: Apache-2.0
"""What the tests of the command share: the binary, a tiny run file, a tiny text."""

import json
import os
import random
import subprocess
from pathlib import Path

CLI = Path(os.environ["STEEPEST_CLI"])

CONFIG = """
[run]
out = "{out}"
steps = 40
threads = 1
eval_every = 10
eval_batches = 2
checkpoint_every = 7
[model]
kind = "gpt"
layers = 1
width = 32
heads = 2
context = 32
dropout = 0.1
[data]
kind = "text"
path = "{data}"
[batch]
rows = 4
accumulate = 2
[optimizer]
recipe = "muonmax-momo"
lr = 0.02
nonfinite = "skip"
[schedule]
kind = "constant_linear"
warmup = 3
"""


def write_text(folder: Path) -> Path:
    """A few files of made-up source text, always the same."""
    words = random.Random(0)
    folder.mkdir()
    for i in range(12):
        lines = [
            f"def f{words.randrange(99)}(x): return x * {words.randrange(9)}" for _ in range(60)
        ]
        (folder / f"{i}.txt").write_text("\n".join(lines))
    return folder


def write_config(folder: Path, **changes) -> Path:
    data = folder / "text"
    if not data.exists():
        write_text(data)
    text = CONFIG.format(out=folder / "run", data=data)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    (folder / "run.toml").write_text(text)
    return folder / "run.toml"


def steepest(*args, timeout=120, env=None):
    return subprocess.run(
        [CLI, *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",  # a model may write any bytes
        timeout=timeout,
        env=os.environ | (env or {}),
        check=False,
    )


def start(*args):
    return subprocess.Popen([CLI, *map(str, args)], stderr=subprocess.PIPE, stdout=subprocess.PIPE)


def losses(run: Path):
    """Everything that a run logged but the times."""
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    timed = ("seconds", "optimizer_seconds")
    return [{k: v for k, v in row.items() if k not in timed} for row in rows]


def weights(run: Path) -> bytes:
    newest = max(run.glob("ckpt-*"), key=lambda path: int(path.name.split("-")[1]))
    return (newest / "model.safetensors").read_bytes()


def finished_run(folder: Path, steps: int) -> Path:
    """A run of so many steps at a constant rate, which knows no last step: more may follow."""
    schedule = '[schedule]\nkind = "constant_linear"\nwarmup = 3\n'
    changes = {"steps": ("steps = 40", f"steps = {steps}"), "schedule": (schedule, "")}
    done = steepest("train", write_config(folder, **changes))
    assert done.returncode == 0, done.stderr
    return folder / "run"


def contents(folder: Path) -> dict[Path, bytes]:
    """The bytes of every file below a folder, by its path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
