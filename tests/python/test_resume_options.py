# SPDX-License-Identifier: Apache-2.0
"""What a run may be resumed with: the key that differs is named, whoever changed it, and where."""

import os
import shutil

import pytest
from test_command import one_line

from trainer import contents, finished_run, steepest


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("finished"), 8)


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.mark.parametrize(
    "old, new, key",
    [
        ("lr = 0.02", "lr = 0.03", "optimizer.lr: received 0.03, expected 0.02"),
        ("rows = 4", "rows = 8", "batch.rows: received 8, expected 4"),
        ("seed = 0", "seed = 1", "run.seed: received 1, expected 0"),
        ("width = 32", "width = 64", "model.width: received 64, expected 32"),
    ],
)
def test_an_edited_config_names_the_key(run, old, new, key):
    text = (run / "config.toml").read_text()
    assert old in text
    (run / "config.toml").write_text(text.replace(old, new, 1))
    before = contents(run)
    one_line(steepest("train", "--resume", run), 4, key, "ckpt-8")
    after = contents(run)
    assert {**after, run / ".lock": b""} == {**before, run / ".lock": b""}


@pytest.mark.parametrize("edited", [False, True])
def test_fewer_steps_than_are_done(run, edited):
    text = (run / "config.toml").read_text()
    if edited:
        (run / "config.toml").write_text(text.replace("steps = 8", "steps = 5"))
    words = [] if edited else ["--set", "run.steps=5"]
    done = steepest("train", "--resume", run, *words)
    one_line(done, 2, "run.steps: received 5, allowed from 8", "ckpt-8")
    assert edited or (run / "config.toml").read_text() == text
    again = steepest("train", "--resume", run, "--set", "run.steps=8")
    assert again.returncode == 0, again.stderr


def test_another_folder_than_the_one_to_resume(run, tmp_path):
    done = steepest("train", "--resume", run, "--set", f"run.out={tmp_path}/other")
    one_line(done, 2, "run.out: received", "/other", "--resume")
    assert steepest("train", "--resume", run, "--set", f"run.out={run}").returncode == 0
    assert not (tmp_path / "other").exists()


def test_a_part_of_another_size_is_not_read_to_its_end(run):
    os.truncate(run / "ckpt-8/model.safetensors", 1 << 42)
    shutil.rmtree(run / "ckpt-7")  # which would be used instead
    done = steepest("eval", run, timeout=30)
    one_line(done, 4, "4398046511104 bytes, expected")
