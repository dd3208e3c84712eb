# SPDX-License-Identifier: Apache-2.0
"""The products of Muon's step beside those of the model, as `steepest train --dry-run` counts them.

    python experiments/muon/overhead/run.py --text FOLDER

Beside them, of a small model: what part of the time the step takes at three batch sizes.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from evidence.scripts import Line, arguments, line_of, seeds_of, write_table  # noqa: E402

SMALL = HERE.parents[1] / "variants/lag/base.toml"
MUON = ["optimizer.recipe=muon-jordan", "optimizer.polar=jordan", "optimizer.polar_steps=5"]
LARGE = {
    "gpt2": ["model.preset=gpt2", "batch.rows=512"],
    "gpt2-xl": ["model.preset=gpt2-xl", "batch.rows=512"],
    # The widths of Llama 405B, with as many heads for keys and values as for queries.
    "405b": [
        *("model.layers=126", "model.width=16384", "model.heads=128", "model.mlp_width=53248"),
        *("model.activation=swiglu", "model.vocab=128256", "model.context=8192"),
        "batch.rows=1953",
    ],
}
BATCHES = [256, 1024, 4096]
COUNTED = re.compile(r"FLOPs a step: .* ([\d.e+-]+) %; T m / B = ([\d.e+-]+) %")


def command(binary: str, run_file: Path, settings: list[str]) -> str:
    """What `steepest train` prints with these settings over a run file; its error ends all."""
    words = [word for each in settings for word in ("--set", each)]
    done = subprocess.run([binary, "train", str(run_file), *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def counted(binary: str, run_file: Path, settings: list[str]) -> dict[str, float]:
    """The optimizer's products over the model's, that over T m / B, and T m / B."""
    words = [word for each in [*MUON, *settings] for word in ("--set", each)]
    done = subprocess.run(
        [binary, "train", str(run_file), *words, "--dry-run"], capture_output=True, text=True
    )
    found = COUNTED.search(done.stdout)
    if found is None:
        raise SystemExit(done.stderr or "no count of products in what --dry-run prints")
    share, bound = float(found[1]) / 100, float(found[2]) / 100
    return {"share": share, "bound": bound, "overhead": share / bound}


def timed(binary: str, text: str, batch: int, seed: int, bound: float) -> dict[str, float]:
    """The optimizer's seconds over those of the passes, in 40 steps, and that over T m / B."""
    with tempfile.TemporaryDirectory() as folder:
        settings = [f"data.path={text}", f"batch.rows={batch // 64}", f"run.out={folder}/run"]
        settings += [f"run.seed={seed}", "run.steps=40", "run.threads=1", "run.eval_batches=1"]
        settings += ["run.measure_duals=false", "optimizer.polar_dtype=float32"]
        command(binary, SMALL, [*MUON, *settings])
        lines = [json.loads(x) for x in (Path(folder) / "run/metrics.jsonl").open()]
    last = [line for line in lines if "optimizer_seconds" in line][-1]
    share = last["optimizer_seconds"] / (last["seconds"] - last["optimizer_seconds"])
    return {"share": share, "bound": bound, "overhead": share / bound, "seconds": last["seconds"]}


def main() -> None:
    """The command."""
    given, lines = arguments(__doc__ or ""), list[Line]()
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "run.toml"
        empty.write_text(
            '[run]\nsteps = 1\n[data]\nkind = "tokens"\npath = "none"\nvalidation_path = "none"\n'
        )
        for model, settings in LARGE.items():
            row = {"model": model}
            lines.append(line_of("counted", row, 11, **counted(given.binary, empty, settings)))
    for batch in BATCHES:
        row = {"model": f"small-{batch}"}
        found = counted(given.binary, SMALL, [f"batch.rows={batch // 64}"])
        lines.append(line_of("counted", row, 11, **found))
        for seed in seeds_of(HERE, given):
            took = timed(given.binary, given.text, batch, seed, found["bound"])
            lines.append(line_of("time", row, seed, **took))
    write_table(HERE, lines, given.is_trial)


if __name__ == "__main__":
    main()
