# SPDX-License-Identifier: Apache-2.0
"""experiments/configured: every file passes a dry run, and its first steps run, narrower, on
stand-in data of the right layout."""

import json
import random
import struct
from pathlib import Path

import pytest
from test_hellaswag import write_questions

from trainer import losses, steepest

CONFIGURED = Path(__file__).resolve().parents[2] / "experiments/configured"
RUNS = sorted(p for p in CONFIGURED.glob("*.toml") if not p.stem.endswith("-sweep"))
SWEEPS = sorted(CONFIGURED.glob("*-sweep.toml"))
IMAGES = {"resnet20", "airbench94"}

# What is made smaller: sizes and data, and nothing else.
NARROW = ["run.threads=1", "run.eval_batches=1", "run.dtype=float32", "batch.accumulate=2"]
NARROW_GPT = [
    *("model.vocab=300", "model.context=16", "model.layers=2", "model.heads=2", "model.width=32"),
    "batch.rows=4",
]
NARROW_IMAGES = {
    "resnet20": ["model.width=4", "model.depth=8", "batch.rows=20"],
    "airbench94": ["model.channels=[4, 8, 8]", "batch.rows=20"],
}


def shard(path, count):
    words = random.Random(count)
    header = struct.pack("<256i", 20240520, 1, count, *[0] * 253)
    tokens = [words.randrange(300) for _ in range(count)]
    path.write_bytes(header + struct.pack(f"<{count}H", *tokens))


def cifar10(folder):
    words = random.Random(0)
    folder.mkdir()
    for name in [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]:
        records = [bytes([i % 10]) + words.randbytes(3072) for i in range(10)]
        (folder / f"{name}.bin").write_bytes(b"".join(records))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Token shards, questions and images, all of them noise."""
    folder = tmp_path_factory.mktemp("data")
    shard(folder / "train_1.bin", 900)
    shard(folder / "val_1.bin", 300)
    words = random.Random(1)
    some = lambda: [words.randrange(300) for _ in range(5)]
    write_questions(folder / "questions.bin", [(1, some(), [some() for _ in range(4)])] * 3)
    cifar10(folder / "cifar10")
    return folder


def narrow(file, data):
    """--set of a smaller run of the file."""
    if file.stem in IMAGES:
        sets = [*NARROW_IMAGES[file.stem], f"data.path={data}/cifar10"]
    else:
        sets = [*NARROW_GPT, f"data.path={data}/train_*.bin"]
        sets += [f"data.validation_path={data}/val_*.bin"]
        if "hellaswag" in file.stem:
            sets.append(f"data.hellaswag={data}/questions.bin")
    return [w for s in [*NARROW, *sets] for w in ("--set", s)]


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_a_dry_run_takes_it_as_it_is(file):
    done = steepest("train", file, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "FLOPs a step" in done.stdout and "memory: weights" in done.stdout


@pytest.mark.parametrize("file", RUNS, ids=lambda file: file.stem)
def test_the_first_steps_run(file, data, tmp_path):
    sets = ["--set", "run.steps=3", "--set", f"run.out={tmp_path}/run", *narrow(file, data)]
    if "warmup" in file.read_text():
        sets += ["--set", "schedule.warmup=1"]
    done = steepest("train", file, *sets)
    assert done.returncode == 0, done.stderr
    rows = losses(tmp_path / "run")
    steps = [row["loss"] for row in rows if "loss" in row]
    assert len(steps) == 3 and all(0 < loss < 20 for loss in steps)
    result = json.loads(done.stdout)
    assert result["skipped"] == 0
    assert ("hellaswag" in result) == ("hellaswag" in file.stem)
    assert ("val_accuracy" in result) == (file.stem in IMAGES)


def test_tinystories_starts_from_the_weights_of_a_run(data, tmp_path):
    """As the published runs start from a trained GPT-2: the model of a run with such weights."""
    file = CONFIGURED / "tinystories.toml"
    sets = ["--set", "run.steps=3", *narrow(file, data)]
    first = {}
    for name, more in (("before", []), ("after", ["--set", f"run.start_from={tmp_path}/before"])):
        done = steepest("train", file, "--set", f"run.out={tmp_path}/{name}", *sets, *more)
        assert done.returncode == 0, done.stderr
        losses_of = [row["loss"] for row in losses(tmp_path / name) if "loss" in row]
        assert len(losses_of) == 3
        first[name] = losses_of[0]
    # The same batch, by weights that have seen it.
    assert first["after"] < first["before"] - 0.05, first


@pytest.mark.parametrize("file", SWEEPS, ids=lambda file: file.stem)
def test_a_sweep_can_begin(file, data, tmp_path):
    copy = tmp_path / file.name
    for path in CONFIGURED.glob("*.toml"):
        (tmp_path / path.name).write_text(path.read_text())
    sets = ["--set", "run.steps=20", *narrow(file, data)]
    done = steepest("sweep", copy, "--dry-run", "--only", "*/ada_2,l2", *sets)
    assert done.returncode == 0, done.stderr
    rows = [line.split()[0] for line in done.stdout.splitlines()[1:-1]]
    assert rows == [f"{arm}/ada_2,l2" for arm in ("con", "con-momo", "reg", "momo")]
    for arm in ("con", "con-momo", "reg", "momo"):  # 18 rows, plain and with Momo
        assert f'name = "{arm}"' in file.read_text()


def test_the_readme_names_every_file():
    readme = (CONFIGURED / "README.md").read_text()
    for file in [*RUNS, *SWEEPS]:
        assert f"({file.name})" in readme, file.name
