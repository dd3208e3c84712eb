# SPDX-License-Identifier: Apache-2.0
"""What the demo compares, and the sweep that chose each curve's learning rate."""

import importlib.util
import json
import pathlib
import subprocess
from collections.abc import Sequence

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CONFIG = HERE / "demo.toml"
SWEEP = HERE / "sweep.json"

# The same number of trials for each, with one rate for the whole network: three decades in half
# decades, and denser around the best.
DECADES = [1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0]
CURVES = {
    "adamw": {
        "title": "AdamW",
        "set": {"optimizer.recipe": "adamw"},
        "lrs": [*DECADES, 5e-4, 1.5e-3, 2e-3, 5e-3],
    },
    "muon": {
        "title": "Muon, torch's numbers, with AdamW",
        "set": {"optimizer.recipe": "muon"},
        "lrs": [*DECADES, 2.5e-3, 5e-3, 7.5e-3, 1.5e-2],
    },
    "momo": {
        "title": "Muon-Momo, its step from the loss",
        "set": {"optimizer.recipe": "muon-momo"},
        "lrs": [*DECADES, 7.5e-3, 1.5e-2, 2e-2, 6e-2],
    },
    "normuon": {
        "title": "NorMuon, rows of equal length",
        "set": {"optimizer.recipe": "normuon"},
        "lrs": [*DECADES, 5e-3, 7.5e-3, 1.5e-2, 2e-2],
    },
}


def torch_folder() -> pathlib.Path:
    """The folder of the installed torch package, which is not imported: its sources are the text.

    Exits with a message where there is none.
    """
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        raise SystemExit("demo: torch: received no installed package, allowed one (run make build)")
    return pathlib.Path(spec.origin).parent


def settings(name: str, lr: float) -> list[str]:
    """The trainer's arguments for one curve, a key of CURVES, at one learning rate."""
    curve = CURVES[name]
    keys = dict(curve["set"])
    keys["optimizer.lr"] = lr
    keys["optimizer.backup_lr"] = lr
    keys["data.path"] = torch_folder()
    return [word for key, value in keys.items() for word in ("--set", f"{key}={value}")]


def train(
    binary: str,
    name: str,
    lr: float,
    out: pathlib.Path,
    extra: Sequence[str] = (),
    quiet: bool = False,
) -> dict:
    """Trains one curve at one learning rate; progress goes to stderr, the summary is returned.

    ``binary`` is the trainer, ``out`` the folder of the run, ``extra`` are settings "key=value" of
    the run file. Exits where the trainer fails.
    """
    command = [str(binary), "train", str(CONFIG), *settings(name, lr), "--set", f"run.out={out}"]
    command += [word for item in extra for word in ("--set", item)]
    if quiet:
        command.append("--quiet")
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"demo: {' '.join(command)}: exit code {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1])


def recorded_sweep() -> dict:
    """Reads sweep.json: "steps", those of a trial, and "curves", a list of trials by curve.

    "also_tried" has the trials of rows that are no curve.

    A trial has "lr", "val_loss" (None where it diverged) and "skipped", its refused steps.
    """
    return json.loads(SWEEP.read_text())


def best_lr(sweep: dict, name: str) -> float:
    """The learning rate of a curve's best trial; one without a validation loss has diverged."""
    trials = [t for t in sweep["curves"][name] if t["val_loss"] is not None]
    return min(trials, key=lambda t: t["val_loss"])["lr"]
