# SPDX-License-Identifier: Apache-2.0
"""Runs every trial of curves.py at the demo's full budget and records sweep.json.

    .venv/bin/python experiments/demo/sweep.py [--jobs 2] [--binary build/bin/steepest]

Trials that are already recorded are kept; --fresh begins anew.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import tempfile
import threading

import curves

LOCK = threading.Lock()


def load_sweep(fresh: bool) -> dict:
    """The recorded sweep, to be continued; an empty one where there is none or ``fresh`` is set."""
    if curves.SWEEP.exists() and not fresh:
        return curves.recorded_sweep()
    return {"threads_per_trial": 1, "curves": {name: [] for name in curves.CURVES}}


def record(sweep: dict, name: str, lr: float, result: dict) -> None:
    """Adds a curve's finished trial to ``sweep`` and writes sweep.json; any thread may call it.

    ``result`` is the run's summary.
    """
    with LOCK:
        trial = {"lr": lr, "val_loss": result["val_loss"], "skipped": result["skipped"]}
        sweep["curves"].setdefault(name, []).append(trial)
        sweep["curves"][name].sort(key=lambda t: t["lr"])
        sweep["steps"] = result["steps"]
        curves.SWEEP.write_text(json.dumps(sweep, indent=1) + "\n")
        print(f"{name}  lr {lr:g}  validation loss {result['val_loss']:.4f}", flush=True)


def main() -> None:
    """Trains every curve at the learning rates that sweep.json lacks, several at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--binary", default=str(curves.ROOT / "build/bin/steepest"))
    parser.add_argument("--fresh", action="store_true")
    options = parser.parse_args()
    sweep = load_sweep(options.fresh)
    known = {(name, t["lr"]) for name, trials in sweep["curves"].items() for t in trials}
    todo = [(n, lr) for n, c in curves.CURVES.items() for lr in c["lrs"] if (n, lr) not in known]
    with tempfile.TemporaryDirectory() as folder:
        # Trains the curve at the learning rate that ``item`` has, (name, lr), and records it.
        def trial(item):
            name, lr = item
            out = pathlib.Path(folder) / f"{name}-{lr:g}"
            # Only the end is looked at.
            extra = ["run.threads=1", "run.eval_every=0", "run.eval_batches=64"]
            record(sweep, name, lr, curves.train(options.binary, name, lr, out, extra, quiet=True))

        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            list(pool.map(trial, todo))


if __name__ == "__main__":
    main()
