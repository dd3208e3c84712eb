# SPDX-License-Identifier: Apache-2.0
"""NaN and Inf: no run ends in silence with them, and no checkpoint that counts holds them."""

import json
import re
import time

import numpy
import pytest
from safetensors.numpy import load_file

from trainer import losses, start, steepest, write_config

# The decay multiplies every weight by -1e6 a step: whatever the gradients, nothing stays finite.
DIVERGING = {
    "recipe": ("muonmax-momo", "sgd"),
    "lr": ("lr = 0.02", "lr = 1000\nweight_decay = 1000"),
    "default": ('nonfinite = "skip"\n', ""),
    "schedule": ('kind = "constant_linear"\nwarmup = 3', 'kind = "constant"'),
}


def diverge(folder, *sets):
    config = write_config(folder, **DIVERGING)
    done = steepest("train", config, *[word for s in sets for word in ("--set", s)])
    return done, folder / "run"


def finite(checkpoint):
    tensors = load_file(checkpoint / "model.safetensors").values()
    return all(numpy.isfinite(t).all() for t in tensors)


def check_ended(done, run):
    """Exit code 5; the last line names the newest checkpoint, all of which are finite."""
    assert done.returncode == 5, (done.returncode, done.stderr)
    assert done.stdout == ""
    checkpoints = list(run.glob("ckpt-*"))
    assert all(map(finite, checkpoints))
    last = done.stderr.strip().splitlines()[-1]
    assert "NaN or Inf" in last
    if not checkpoints:
        assert last.endswith("no good checkpoint was saved before")
        return
    newest = max(checkpoints, key=lambda path: int(path.name[5:]))
    assert last.endswith(f"last good checkpoint: {newest}"), last


@pytest.mark.parametrize("mode", ["skip", "propagate"])
@pytest.mark.parametrize("every", [1, 2, 5, 0])
def test_a_diverged_run_ends_with_its_own_code(tmp_path, mode, every):
    nonfinite = [] if mode == "skip" else [f"optimizer.nonfinite={mode}"]
    done, run = diverge(tmp_path, f"run.checkpoint_every={every}", *nonfinite)
    check_ended(done, run)
    if every == 1:
        assert list(run.glob("ckpt-*"))
    again = steepest("train", "--resume", run)
    assert again.returncode == 5  # the same steps, with the same end
    check_ended(again, run)


@pytest.mark.parametrize("steps", [7, 9, 12])
def test_a_last_step_in_a_row_of_refused_ones_is_no_success(tmp_path, steps):
    done, run = diverge(tmp_path, f"run.steps={steps}", "run.checkpoint_every=1")
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert "refused" in [line for line in lines if "loss" in line][-1]
    assert not (run / f"ckpt-{steps}").exists()
    check_ended(done, run)


@pytest.mark.parametrize("clip", ["1", "1e30"])
def test_clipping_does_not_hide_it(tmp_path, clip):
    check_ended(*diverge(tmp_path, f"optimizer.clip={clip}", "run.checkpoint_every=2"))


def test_a_signal_within_the_row_saves_nothing_bad(tmp_path):
    config = write_config(tmp_path, **DIVERGING)
    endless = ["--set", "run.max_skipped=1000000", "--set", "run.steps=1000000"]
    process, run = start("train", config, *endless), tmp_path / "run"
    log = run / "metrics.jsonl"
    while process.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > 40):
        time.sleep(0.01)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode in (143, 5)
    assert b"NaN or Inf" in stderr.strip().splitlines()[-1]
    assert all(map(finite, run.glob("ckpt-*")))


def test_a_finished_run_repeats_nothing(tmp_path):
    config, run = write_config(tmp_path), tmp_path / "run"
    assert steepest("train", config).returncode == 0
    before = losses(run)
    for _ in range(3):
        done = steepest("train", "--resume", run)
        assert done.returncode == 0 and losses(run) == before
    rows = [row for row in before if "val_loss" in row]
    assert json.loads(done.stdout)["val_loss"] == rows[-1]["val_loss"]


def test_refused_steps_are_the_default(tmp_path):
    done = steepest("train", write_config(tmp_path, default=DIVERGING["default"]), "--dry-run")
    assert "nonfinite = 'skip'" in done.stdout.replace('"', "'")


def test_a_spike_is_logged_with_its_score(tmp_path):
    """A rate that grows until losses jump; z-scores go to the metrics and to the screen."""
    spiky = {
        "steps": ("steps = 40", "steps = 120"),
        "rate": ("lr = 0.02", "lr = 2.0\nbackup_lr = 2.0"),
        "recipe": ("muonmax-momo", "muon"),
        "warmup": ("warmup = 3", "warmup = 120"),
        "kind": ("constant_linear", "constant"),
    }
    config = write_config(tmp_path, **spiky)
    done, run = steepest("train", config), tmp_path / "run"
    assert done.returncode in (0, 5), done.stderr
    rows = [row for row in losses(run) if "spike_z" in row]
    assert rows and all(row["spike_z"] > 6 for row in rows)
    for row in rows:
        assert re.search(
            rf"step {row['step']}: loss .* spike: z-score {row['spike_z']:.1f}", done.stderr
        )
