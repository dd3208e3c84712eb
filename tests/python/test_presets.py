# SPDX-License-Identifier: Apache-2.0
"""Published experiments that have a name, and what a dry run tells."""

from trainer import steepest


def test_presets_are_named():
    text = steepest("list", "--presets").stdout
    names = [line.split()[0] for line in text.split("\n\n")[0].splitlines()[1:]]
    known = ["track3", "resnet20", "airbench94", "nanogpt-char", "ned-small", "ned-large"]
    assert names == known
    for name in names:  # no data are read
        done = steepest("train", "--preset", name, "--dry-run", "--set", "run.seed=5")
        assert done.returncode == 0 and "seed = 5\n" in done.stdout, done.stderr
        assert "memory: weights" in done.stdout and "FLOPs a step" in done.stdout
    done = steepest("train", "--preset", "track", "--dry-run")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert '--preset: received "track", allowed track3, ' in done.stderr
    assert steepest("train", "run.toml", "--preset", "track3").returncode == 2


def test_a_preset_is_trained_with_other_sizes(tmp_path):
    sets = ["run.steps=2", "run.threads=1", f"run.out={tmp_path}/run", "data.kind=procedural"]
    sets += ["data.train_images=40", "data.validation_images=10", "batch.rows=4", "model.depth=8"]
    sets += ["data.side=8"]
    done = steepest("train", "--preset", "resnet20", *[w for s in sets for w in ("--set", s)])
    assert done.returncode != 0  # data.path belongs to cifar10 alone
    assert "data.path: received a value with data.kind" in done.stderr
