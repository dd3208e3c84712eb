# SPDX-License-Identifier: Apache-2.0
"""The commands beside training, and what each says to bad input: one line, its exit code."""

import importlib
import json
import os
import re
import struct
from pathlib import Path

import pytest

from trainer import start, steepest, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    done = steepest("train", write_config(folder, steps=("steps = 40", "steps = 12")))
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["steps"] == 12 and 0 < summary["val_loss"] < 5.6
    return folder / "run"


def test_progress_is_on_stderr_and_data_on_stdout(tmp_path):
    done = steepest("train", write_config(tmp_path))
    assert len(done.stdout.splitlines()) == 1
    assert "step 40/40  loss" in done.stderr and "\x1b" not in done.stderr
    assert "validation loss" in done.stderr


def test_dry_run_writes_nothing(tmp_path):
    done = steepest("train", write_config(tmp_path), "--dry-run")
    assert done.returncode == 0 and not (tmp_path / "run").exists()
    assert "blocks.0.mlp.up.weight" in done.stdout and "norm: Normalization" in done.stdout
    assert re.search(r"^matrix: \d+ tensors, lr 0\.\d+, weight_decay 0$", done.stdout, re.M)
    assert re.search(r"^non-matrix: \d+ tensors, lr 0\.\d+, weight_decay 0$", done.stdout, re.M)


def test_list_shows_the_default_rates():
    lines = steepest("list").stdout.splitlines()
    for row in json.loads(steepest("list", "--json").stdout):
        lr, backup_lr = row["matrix"]["lr"], row["backup"]["lr"]
        line = next(line for line in lines if line.startswith(row["name"] + " "))
        words = re.split("  +", line)[5]
        assert [float(word) for word in words.split(" / ")] == [
            lr,
            *([backup_lr] if backup_lr != lr else []),
        ]


def test_eval_sample_compare(run):
    evaluated = json.loads(steepest("eval", run).stdout)
    assert evaluated["step"] == 12 and 0 < evaluated["val_loss"] < 5.6
    text = steepest("sample", run, "--count", 50, "--prompt", "def ").stdout
    assert len(text.encode("utf-8", "surrogateescape")) == 51
    again = steepest("sample", run, "--count", 50, "--prompt", "def ").stdout
    assert again == text
    rows = json.loads(steepest("compare", run, run, "--json").stdout)
    assert [row["recipe"] for row in rows] == ["muonmax-momo"] * 2
    assert "muonmax-momo" in steepest("compare", run).stdout


def test_list_holds_the_catalog():
    rows = {row["name"]: row for row in json.loads(steepest("list", "--json").stdout)}
    wanted = "sgd normalized-sgd signsgd adam adamw muon muon-jordan muon-adam scion scion-lions"
    wanted += " polargrad muonmax neon f-star fanion f-muon s-muon orthogonal-sgdm"
    assert set(wanted.split()) <= set(rows)
    assert rows["muonmax"]["outer"] == "hybrid" and rows["muonmax"]["momo"] == "muonmax-momo"
    assert rows["orthogonal-sgdm"]["momo"] is None and rows["muown"]["momo"] is None
    assert "spectral" in steepest("list", "--norms").stdout


def test_info_shows_the_polar_table():
    text = steepest("info", "--polar-errors").stdout
    assert "| jordan | 1.0e-03 | 0.9966 | 0.9881 | 0.9591 | 0.8596 | 0.5295 | 0.3182 |" in text


def test_version_and_info_name_commit_torch_and_kernels():
    """One line of --version, and the same facts in `steepest info`."""
    text = steepest("--version").stdout
    info = json.loads(steepest("info").stdout)
    assert text == (
        f"steepest {info['steepest']}, commit {info['commit']}, torch {info['torch']}, "
        f"kernels: {info['kernels']}\n"
    )
    assert info["steepest"] == importlib.import_module("steepest").__version__
    assert info["commit"] == "unknown" or len(info["commit"]) >= 7
    assert re.match(r"2\.\d+\.\d+$", info["torch"])
    flags = Path("/proc/cpuinfo").read_text().split()
    if "avx512f" in flags:
        assert "AVX-512" in info["kernels"]
    elif "avx2" in flags:
        assert info["kernels"].startswith("AVX2")
    if "amx_bf16" not in flags or "AVX512" in os.environ.get("ONEDNN_MAX_CPU_ISA", ""):
        assert "AMX" not in info["kernels"]


def test_info_shows_the_table_of_products_and_steepest_cpu_limits_it():
    """By preference, float32's last; of a name that is none, one line."""
    rows = json.loads(steepest("info").stdout)["products"]
    flags = Path("/proc/cpuinfo").read_text().split()
    if "avx512_bf16" in flags:
        assert "BF16" in [row["kernel"] for row in rows]
    if rows:
        assert rows[-1]["operands"] == "float32" and rows[-1]["from_rows"] == 0
        assert all(0 < row["error"] <= 3e-3 and row["sums"] for row in rows)
    for limit, kernels in (("avx2", {"AVX2"}), ("avx512", {"AVX-512", "AVX2"}), ("aten", set())):
        info = json.loads(steepest("info", env={"STEEPEST_CPU": limit}).stdout)
        assert info["cpu_limit"] == limit
        assert {row["kernel"] for row in info["products"]} <= kernels
    assert info["kernels"] == "none, by torch alone"
    wrong = steepest("info", env={"STEEPEST_CPU": "sse"})
    one_line(wrong, 2, "STEEPEST_CPU", '"sse"', "avx512_bf16")


def one_line(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("steepest: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize(
    "override, words",
    [
        ("optimizer.recipe=muonmaks", ["recipe", "muonmaks", "nearest: muonmax"]),
        ("optimizer.lr=nan", ["lr", "nan"]),
        ("optimizer.lr=-1", ["lr", "-1"]),
        ("optimizer.learning_rate=1", ["learning_rate"]),
        ("model.heads=5", ["heads", "5", "32"]),
        ("model.activation=gelus", ["gelus", "nearest: gelu"]),
        ("optimizer.norm=spektral", ["spektral", "nearest: spectral"]),
        ("optimizer.momentum=1", ["momentum", "1"]),
        ("batch.accumulate=3", ["accumulate", "3"]),
        ("run.steps=0", ["steps", "0"]),
    ],
)
def test_bad_options_change_nothing(tmp_path, override, words):
    one_line(steepest("train", write_config(tmp_path), "--set", override), 2, *words)
    assert not (tmp_path / "run").exists()


def test_bad_file_names_its_line(tmp_path):
    config = write_config(tmp_path, key=("steps = 40", "stepz = 40"))
    one_line(steepest("train", config), 2, "run.toml:4", "stepz", "nearest: steps")
    one_line(steepest("train", tmp_path / "none.toml"), 2, "none.toml")


def shard(path, magic=20240520, version=1, count=400, tokens=None):
    tokens = [i % 50 for i in range(400)] if tokens is None else tokens
    header = struct.pack("<256i", magic, version, count, *[0] * 253)
    path.write_bytes(header + struct.pack(f"<{len(tokens)}H", *tokens))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"magic": 7}, ["magic", "7"]),
        ({"version": 9}, ["version", "9"]),
        ({"count": 401}, ["800", "802"]),
        ({"tokens": [60] * 400}, ["60"]),
        ({"tokens": [1] * 3, "count": 3}, []),
    ],
)
def test_bad_shards(tmp_path, changes, words):
    shard(tmp_path / "val.bin")
    shard(tmp_path / "train.bin", **changes)
    config = write_config(
        tmp_path,
        kind=('kind = "text"', 'kind = "tokens"'),
        vocab=("context = 32", "context = 32\nvocab = 51"),
    )
    sets = [f"data.path={tmp_path}/train.bin", f"data.validation_path={tmp_path}/val.bin"]
    done = steepest("train", config, *[w for s in sets for w in ("--set", s)])
    one_line(done, 3, "train.bin", *words)


def test_good_shards_train(tmp_path):
    shard(tmp_path / "train.bin")
    config = write_config(
        tmp_path,
        kind=('kind = "text"', 'kind = "tokens"'),
        vocab=("context = 32", "context = 32\nvocab = 51"),
    )
    path = tmp_path / "train.bin"
    done = steepest(
        "train", config, "--set", f"data.path={path}", "--set", f"data.validation_path={path}"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["val_loss"] < 3.0  # a cycle of 50 tokens: ln 50 = 3.9 unlearned


def cifar(folder, label=3, cut=0):
    folder.mkdir()
    record = bytes([label]) + bytes(range(256)) * 12
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        data = record * 20
        (folder / name).write_bytes(data[: len(data) - cut])


@pytest.mark.parametrize("changes, word", [({"label": 10}, "10"), ({"cut": 1}, "3073")])
def test_bad_cifar(tmp_path, changes, word):
    cifar(tmp_path / "cifar", **changes)
    args = [
        "--set",
        "model.kind=mlp",
        "--set",
        "data.kind=cifar10",
        "--set",
        f"data.path={tmp_path}/cifar",
    ]
    args += ["--set", f"run.out={tmp_path}/run"]
    one_line(steepest("train", *args), 3, ".bin", word)


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_pictures_train(tmp_path, model):
    sets = [f"model.kind={model}", "data.kind=procedural", "data.train_images=200", "run.steps=8"]
    sets += [
        "data.validation_images=40",
        "batch.rows=20",
        f"run.out={tmp_path}/run",
        "run.threads=1",
    ]
    done = steepest("train", *[w for s in sets for w in ("--set", s)])
    assert done.returncode == 0, done.stderr
    assert 0 < json.loads(done.stdout)["val_loss"] < 5


def test_missing_and_empty_text(tmp_path):
    config = write_config(tmp_path)
    one_line(steepest("train", config, "--set", f"data.path={tmp_path}/nowhere"), 3, "nowhere")
    (tmp_path / "empty").write_text("")
    one_line(steepest("train", config, "--set", f"data.path={tmp_path}/empty"), 3, "empty")


def test_a_second_trainer_is_refused(tmp_path):
    config = write_config(tmp_path, steps=("steps = 40", "steps = 100000"))
    first = start("train", config)
    while not (tmp_path / "run" / "metrics.jsonl").exists():
        assert first.poll() is None
    one_line(steepest("train", config, "--resume", tmp_path / "run"), 4, "run")
    assert first.poll() is None
    first.kill()
    first.wait()


def test_an_existing_run_is_not_overwritten(run):
    before = (run / "metrics.jsonl").read_bytes()
    one_line(steepest("train", run / "config.toml"), 4, "run")
    assert (run / "metrics.jsonl").read_bytes() == before


def test_foreign_and_damaged_checkpoints(tmp_path):
    config, folder = write_config(tmp_path), tmp_path / "run"
    assert steepest("train", config).returncode == 0
    changed = steepest("train", config, "--resume", folder, "--set", "model.width=64")
    one_line(changed, 4, "ckpt-40")
    newest, older = folder / "ckpt-40" / "model.safetensors", folder / "ckpt-35"
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    assert older.exists()
    done = steepest("eval", folder)
    assert done.returncode == 0 and json.loads(done.stdout)["step"] == 35
    assert "ckpt-40" in done.stderr and "ckpt-35" in done.stderr
    (older / "optimizer.safetensors").write_bytes(b"")
    one_line(steepest("eval", folder), 4, "ckpt")
