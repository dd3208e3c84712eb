# SPDX-License-Identifier: Apache-2.0
"""Runs that take numbers or weights of other runs."""

import json
import shutil

import pytest
from safetensors.numpy import load_file

from trainer import contents, losses, steepest, weights, write_config

RATIO = 0.1  # of the rate of what is no matrix to the matrices'


def run_of(config, out, *sets, resume=False):
    where = ("--resume", out) if resume else (config, "--set", f"run.out={out}")
    return steepest("train", *where, *[word for s in sets for word in ("--set", s)])


def trained(config, out, *sets, **options):
    done = run_of(config, out, *sets, **options)
    assert done.returncode == 0, done.stderr
    return out


def form(update, outer, lr, *sets):
    ratio = RATIO if update == "constrained" else RATIO**2
    return (
        f"optimizer.update={update}",
        f"optimizer.outer={outer}",
        f"optimizer.lr={lr}",
        f"optimizer.backup_lr={lr * ratio}",
        "optimizer.polar_steps=6",
        "run.measure_duals=true",
        "run.steps=30",
        *sets,
    )


@pytest.fixture
def config(tmp_path):
    return write_config(tmp_path, recipe=("muonmax-momo", "muon-adam"))


def train_losses(run):
    return [row["loss"] for row in losses(run) if "loss" in row]


@pytest.mark.parametrize("outer, lr", [("max", 0.01), ("l2", 0.1), ("hybrid", 0.01)])
def test_a_regularized_run_is_a_constrained_one_driven_by_its_own_d(tmp_path, config, outer, lr):
    reg = trained(config, tmp_path / "reg", *form("regularized", outer, lr))
    replay = ("kind=replay", "key=D", "base=constant_linear", f"path={reg}")
    sets = form("constrained", outer, lr, *[f"schedule.{s}" for s in replay])
    con = trained(config, tmp_path / "con", *sets)
    # Equal but for the last bit of a float64 coefficient, which float32 weights hardly ever see.
    assert train_losses(con) == pytest.approx(train_losses(reg), rel=1e-6)
    same = sum(a == b for a, b in zip(train_losses(con), train_losses(reg)))
    assert same >= 25, f"{same} of 30 losses are equal"
    plain = trained(config, tmp_path / "plain", *form("constrained", outer, lr))
    assert train_losses(plain) != pytest.approx(train_losses(reg), rel=1e-2)


def test_replaying_ones_is_the_plain_run(tmp_path, config):
    first = trained(config, tmp_path / "first", *form("constrained", "max", 0.01))
    rows = [json.loads(line) for line in (first / "metrics.jsonl").read_text().splitlines()]
    text = "".join(json.dumps({**row, "one": 1.0}) + "\n" for row in rows)
    (first / "metrics.jsonl").write_text(text)
    replay = ("kind=replay", "key=one", "base=constant_linear", f"path={first}", "smooth=3")
    sets = form("constrained", "max", 0.01, *[f"schedule.{s}" for s in replay])
    again = trained(config, tmp_path / "again", *sets)
    assert train_losses(again) == train_losses(first)


def test_a_resumed_run_needs_the_other_no_more(tmp_path, config):
    reg = trained(config, tmp_path / "reg", *form("regularized", "max", 0.01))
    replay = ("kind=replay", "key=D", f"path={reg}", "smooth=2", "detrend=true")
    sets = form("regularized", "max", 0.01, *[f"schedule.{s}" for s in replay])
    whole = trained(config, tmp_path / "whole", *sets)
    part = shutil.copytree(whole, tmp_path / "part")
    shutil.rmtree(part / "ckpt-30")
    shutil.rmtree(reg)
    trained(config, part, resume=True)
    assert weights(part) == weights(whole) and losses(part) == losses(whole)


def test_what_cannot_be_replayed_leaves_no_folder(tmp_path, config):
    bad = [
        ((), "schedule.path: received nothing, allowed the folder of a run"),
        ((f"schedule.path={tmp_path / 'none'}",), "none/config.toml"),
    ]
    for sets, words in bad:
        done = run_of(config, tmp_path / "out", "schedule.kind=replay", *sets)
        assert done.returncode == 2 and words in done.stderr, done.stderr
        assert not (tmp_path / "out").exists()


def test_a_run_starts_from_weights_alone(tmp_path, config):
    first = trained(config, tmp_path / "first", "run.steps=8")
    before = contents(first)
    start = f"run.start_from={first}"
    second = trained(
        config, tmp_path / "second", start, "run.steps=3", "optimizer.lr=0", "optimizer.backup_lr=0"
    )
    assert weights(second) == weights(first)
    assert contents(first) == before
    third = trained(config, tmp_path / "third", start, "run.steps=8")
    assert losses(third)[0]["step"] == 1 and weights(third) != weights(first)
    state = load_file(third / "ckpt-8/state.safetensors")
    assert int(state["step"]) == 8
    resumed = shutil.copytree(third, tmp_path / "resumed")
    shutil.rmtree(resumed / "ckpt-8")
    shutil.rmtree(first)
    trained(config, resumed, resume=True)
    assert weights(resumed) == weights(third)


def test_weights_of_another_model_are_refused(tmp_path, config):
    first = trained(config, tmp_path / "first", "run.steps=3")
    for sets, words in [
        (("model.width=16",), "run.start_from: received"),
        (("model.layers=2",), "which has no "),
    ]:
        done = run_of(config, tmp_path / "out", f"run.start_from={first}", *sets)
        assert done.returncode == 2 and words in done.stderr, done.stderr
        assert not (tmp_path / "out").exists()
    done = run_of(config, tmp_path / "out", f"run.start_from={tmp_path / 'none'}")
    assert done.returncode == 2 and "which is no folder" in done.stderr, done.stderr
