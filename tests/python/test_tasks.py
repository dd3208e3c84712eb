# SPDX-License-Identifier: Apache-2.0
"""The trainer's tasks beside text: residual networks, a convex problem, sums modulo p."""

import json

import pytest

from trainer import losses, steepest, weights

SETS = {
    "resnet": [
        *("model.kind=resnet", "model.depth=8", "model.width=4", "data.kind=procedural"),
        *("data.side=8", "data.train_images=60", "data.validation_images=24", "batch.rows=10"),
    ],
    "airbench": [
        *("model.kind=airbench", "model.channels=[4, 6]", "model.views=6", "data.kind=procedural"),
        *("model.label_smoothing=0.2", "data.flip=true", "data.alternating=true", "data.side=8"),
        *("data.train_images=60", "data.validation_images=24", "batch.rows=10"),
        *("group.0.match=whiten.bias", "group.0.steps=5", "optimizer.geometry=hyperball"),
    ],
    "matrix": ["model.kind=matrix", "model.size=20", "model.noise=0.1", "data.kind=none"],
    "modular": [
        *("model.layers=1", "model.width=16", "model.heads=2", "model.vocab=8", "model.context=3"),
        *("data.kind=modular", "data.modulus=7", "batch.rows=12"),
    ],
}


def train(run, *sets, options=()):
    words = [w for s in ["run.threads=1", f"run.out={run}", *sets] for w in ("--set", s)]
    return steepest("train", *options, *words)


@pytest.mark.parametrize("task", SETS)
def test_a_run_goes_on_with_the_same_bits(task, tmp_path):
    sets = [*SETS[task], "run.eval_every=2", "run.eval_batches=0"]
    done = train(tmp_path / "whole", "run.steps=6", *sets)
    assert done.returncode == 0, done.stderr
    assert train(tmp_path / "parts", "run.steps=3", *sets).returncode == 0
    done = steepest("train", "--resume", tmp_path / "parts", "--set", "run.steps=6")
    assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "parts") == weights(tmp_path / "whole")
    told = [row for row in losses(tmp_path / "whole") if "loss" in row]
    assert [row for row in losses(tmp_path / "parts") if "loss" in row] == told
    result = json.loads(done.stdout)
    found = json.loads(steepest("eval", tmp_path / "parts").stdout)
    assert found["val_loss"] == result["val_loss"]
    assert found.get("val_accuracy") == result.get("val_accuracy")


def test_accuracy_is_told_where_a_row_has_one_answer(tmp_path):
    for task, sets in SETS.items():
        assert train(tmp_path / task, "run.steps=2", *sets).returncode == 0
        rows = losses(tmp_path / task)
        assert all(("accuracy" in row) == (task != "matrix") for row in rows if "loss" in row)
        assert ("val_accuracy" in rows[-1]) == (task != "matrix")


def test_sums_modulo_p_are_learned(tmp_path):
    """The pairs that are shown, that is."""
    sets = ["run.steps=120", "optimizer.lr=0.02", *SETS["modular"]]
    assert train(tmp_path / "run", *sets).returncode == 0
    rows = [row for row in losses(tmp_path / "run") if "loss" in row]
    assert rows[0]["loss"] > 1.7 and rows[-1]["loss"] < 0.5 and rows[-1]["accuracy"] > 0.9


def test_a_run_ends_where_its_target_is_met(tmp_path):
    sets = [*SETS["matrix"], "run.steps=300", "run.eval_every=1", "optimizer.lr=0.05"]
    sets += ["model.noise=0", "optimizer.recipe=muon", "optimizer.weight_decay=0"]
    assert train(tmp_path / "all", *sets).returncode == 0
    curve = [row["val_loss"] for row in losses(tmp_path / "all") if "val_loss" in row]
    target = (curve[0] + min(curve)) / 2
    first = next(i for i, loss in enumerate(curve, start=1) if loss <= target)
    assert 1 < first < 300
    done = train(tmp_path / "met", *sets, f"run.target_loss={target}")
    assert done.returncode == 0, done.stderr
    assert f"the target is met after step {first}" in done.stderr
    assert json.loads(done.stdout)["steps"] == first
    met = [row["val_loss"] for row in losses(tmp_path / "met") if "val_loss" in row]
    assert met == curve[:first]
    again = steepest("train", "--resume", tmp_path / "met")  # it is done already
    assert json.loads(again.stdout)["steps"] == first
    more = ["--set", "run.target_loss=0", "--set", f"run.steps={first + 2}"]
    more = steepest("train", "--resume", tmp_path / "met", *more)
    assert json.loads(more.stdout)["steps"] == first + 2, more.stderr


def test_an_accuracy_is_a_target_too(tmp_path):
    sets = [*SETS["resnet"], "run.steps=50", "run.eval_every=1", "run.target_accuracy=0.0"]
    done = train(tmp_path / "run", *sets)
    assert json.loads(done.stdout)["steps"] == 1, done.stderr


def test_pictures_of_another_side_are_other_data(tmp_path):
    assert train(tmp_path / "run", "run.steps=1", *SETS["resnet"]).returncode == 0
    done = steepest("train", "--resume", tmp_path / "run", "--set", "data.side=16")
    assert done.returncode == 4
    assert "data.side: received 16, expected 8 as when the run began" in done.stderr
