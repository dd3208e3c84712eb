# SPDX-License-Identifier: Apache-2.0
"""A run goes on with the bytes that it began with, or it is asked to."""

import json
import shutil

import pytest
from test_command import one_line, shard

from trainer import losses, steepest, weights, write_config

ACCEPT = ["--set", "data.changed=accept"]


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run of 40 steps that stopped at 20, and the one that did not."""
    folder = tmp_path_factory.mktemp("begun")
    whole = write_config(folder)
    assert steepest("train", whole).returncode == 0
    reference = losses(folder / "run"), weights(folder / "run")
    shutil.rmtree(folder / "run")
    config = write_config(folder, kind=('kind = "constant_linear"', 'kind = "constant"'))
    assert steepest("train", config, "--set", "run.steps=20").returncode == 0
    return folder, reference


@pytest.fixture
def run(tmp_path, begun):
    shutil.copytree(begun[0], tmp_path / "x")
    text = tmp_path / "x" / "run" / "config.toml"
    text.write_text(text.read_text().replace(str(begun[0]), str(tmp_path / "x")))
    return tmp_path / "x" / "run"


def flip(data):
    file = data / "5.txt"
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)


CHANGES = {
    "one byte": (flip, "5.txt"),
    "a line more": (lambda d: (d / "3.txt").open("a").write("more\n"), "3.txt"),
    "a file more": (lambda d: (d / "new.txt").write_text("def g(x): return 9\n" * 9), "new.txt"),
    "a file less": (lambda d: (d / "3.txt").unlink(), "3.txt"),
    "two names swapped": (
        lambda d: [
            (d / "3.txt").rename(d / "t"),
            (d / "4.txt").rename(d / "3.txt"),
            (d / "t").rename(d / "4.txt"),
        ],
        ".txt",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_changed_data_are_refused(run, what):
    change, name = CHANGES[what]
    change(run.parent / "text")
    before = {
        path: path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    args = ["train", "--resume", run, "--set", "run.steps=30"]
    one_line(steepest(*args), 3, name, "--set data.changed=accept")
    one_line(steepest("eval", run), 3, name, "--set data.changed=accept")
    assert steepest("sample", run, "--count", 5).returncode == 0  # needs no data
    after = {
        path: path.read_bytes()
        for path in run.rglob("*")
        if path.is_file() and path.name != ".lock"
    }
    assert before == after
    done = steepest(*args, *ACCEPT)
    assert done.returncode == 0 and name in done.stderr and "accepted" in done.stderr
    # That was for once: from now on the run's data are the new ones.
    assert steepest("train", "--resume", run, "--set", "run.steps=31").returncode == 0
    assert "accept" not in (run / "config.toml").read_text()


def test_moved_data_are_the_same(run):
    data = run.parent / "text"
    moved = data.rename(run.parent / "other place")
    one_line(steepest("train", "--resume", run, "--set", "run.steps=30"), 3, "text", "data.path")
    sets = ["--set", "run.steps=30", "--set", f"data.path={moved}"]
    assert steepest("train", "--resume", run, *sets).returncode == 0


def test_other_data_that_were_asked_for_are_said(run):
    other = run.parent / "other.txt"
    other.write_text("def h(x): return x - 1\n" * 500)
    done = steepest("eval", run, "--set", f"data.path={other}")
    assert done.returncode == 0 and "other.txt" in done.stderr and "accepted" in done.stderr
    assert json.loads(done.stdout)["val_loss"] > 0


def test_the_runs_own_output_is_no_data(tmp_path):
    config = write_config(tmp_path)
    inside = tmp_path / "text" / "run"
    for extra in ([], ["--set", f"data.path={tmp_path}/text/*"]):
        one_line(
            steepest("train", config, "--set", f"run.out={inside}", *extra), 2, "run.out", "text"
        )
        assert not inside.exists()


def test_a_shard_that_changes(tmp_path):
    for name in ("train.bin", "val.bin"):
        shard(tmp_path / name)
    config = write_config(
        tmp_path,
        kind=('kind = "text"', 'kind = "tokens"'),
        vocab=("context = 32", "context = 32\nvocab = 51"),
        schedule=('kind = "constant_linear"', 'kind = "constant"'),
    )
    sets = [f"data.path={tmp_path}/train.bin", f"data.validation_path={tmp_path}/val.bin"]
    args = [word for s in sets for word in ("--set", s)]
    assert steepest("train", config, *args).returncode == 0
    shard(tmp_path / "train.bin", tokens=[(i * 7) % 50 for i in range(400)])
    one_line(
        steepest("train", "--resume", tmp_path / "run", "--set", "run.steps=50"),
        3,
        "train.bin",
        "crc32",
    )


@pytest.mark.parametrize(
    "key, value, old",
    [
        ("run.seed", 1, 0),
        ("batch.rows", 8, 4),
        ("model.width", 64, 32),
        ("model.dropout", 0.2, 0.1),
        ("optimizer.lr", 0.5, 0.02),
    ],
)
def test_another_option_is_named(run, key, value, old):
    done = steepest("train", "--resume", run, "--set", "run.steps=30", "--set", f"{key}={value}")
    one_line(done, 4, key, f"received {value}", f"expected {old}", "ckpt-20")
