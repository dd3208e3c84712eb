# SPDX-License-Identifier: Apache-2.0
"""scripts/token_shards.py: the shards are the text's tokens, always the same, and the trainer reads
them."""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from trainer import steepest, write_text

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/token_shards.py"
sys.path.insert(0, str(SCRIPT.parent))
import token_shards  # noqa: E402


def cut(text, out, *options, seed="0"):
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(text), "--out", str(out), *map(str, options)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONHASHSEED": seed},
    )


def tokens_of(path):
    content = path.read_bytes()
    magic, version, count = struct.unpack_from("<3i", content)
    assert (magic, version, len(content)) == (20240520, 1, 1024 + 2 * count)
    return list(struct.unpack_from(f"<{count}H", content, 1024))


def counted(done):
    """What `info --data` counts, by name."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def run_file(folder, **keys):
    lines = ["[model]", "context = 8", f"vocab = {keys.pop('vocab', 300)}", "[data]"]
    lines += [f"{key} = {json.dumps(str(value))}" for key, value in keys.items()]
    path = folder / "run.toml"
    path.write_text("\n".join([*lines, "[batch]", "rows = 2", ""]))
    return path


@pytest.fixture
def text(tmp_path):
    """Files in folders, one of them a copy, one empty, one no UTF-8."""
    folder = write_text(tmp_path / "text")
    (folder / "sub").mkdir()
    for i in range(40):
        (folder / f"sub/{i}.txt").write_text(f"a file of its own, the {i}th, <|endoftext|> in it\n")
    (folder / "sub/copy.txt").write_bytes((folder / "3.txt").read_bytes())
    (folder / "sub/empty.txt").touch()
    (folder / "sub/bytes.txt").write_bytes(b"\xff\xfe bytes \n")
    return folder


def test_files_are_split_as_the_trainer_splits_them(text, tmp_path):
    parts = token_shards.read_text(
        text, type("Given", (), {"extensions": [".txt"], "validation_fraction": 0.2})
    )
    config = run_file(tmp_path, kind="text", path=text)
    done = steepest("info", "--data", config, "--set", "data.validation_fraction=0.2")
    found = counted(done)
    assert [len(files) for files in parts] == [found["train files"], found["validation files"]]
    assert min(len(files) for files in parts) > 4


def test_shards_are_the_text_and_always_the_same(text, tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    outs = [tmp_path / "one", tmp_path / "two"]
    for seed, out in zip("01", outs):
        done = cut(text, out, "--vocab", 300, "--validation-fraction", 0.2, seed=seed)
        assert done.returncode == 0, done.stderr
    for name in ("train.bin", "validation.bin", "tokenizer.json"):
        assert (outs[0] / name).read_bytes() == (outs[1] / name).read_bytes()
    told = json.loads(done.stdout)
    model = tokenizers.Tokenizer.from_file(str(outs[0] / "tokenizer.json"))
    given = type("Given", (), {"extensions": [], "validation_fraction": 0.2})
    for name, files in zip(("train", "validation"), token_shards.read_text(text, given)):
        tokens = tokens_of(outs[0] / f"{name}.bin")
        assert told[name]["tokens"] == len(tokens) and max(tokens) < 300
        starts = [i for i, token in enumerate(tokens) if token == 0]
        assert len(starts) == len(files) == told[name]["files"]  # the words in a file are no end
        for begin, end, content in zip(starts, [*starts[1:], len(tokens)], files):
            said = model.decode(tokens[begin + 1 : end], skip_special_tokens=False)
            assert said == content.decode(errors="replace")


def test_the_trainer_reads_them_and_knows_the_vocabulary(text, tmp_path):
    pytest.importorskip("tokenizers")
    shards = tmp_path / "shards"
    told = json.loads(cut(text, shards, "--vocab", 300, "--validation-fraction", 0.2).stdout)
    keys = {"path": shards / "train.bin", "validation_path": shards / "validation.bin"}
    config = run_file(tmp_path, kind="tokens", **keys)
    found = counted(steepest("info", "--data", config))
    assert found["train tokens"] == told["train"]["tokens"]
    assert found["validation tokens"] == told["validation"]["tokens"]
    small = steepest("info", "--data", config, "--set", "model.vocab=260")
    assert small.returncode == 3
    assert "beyond the vocabulary" in small.stderr and "allowed 0..259" in small.stderr


@pytest.mark.parametrize(
    "options, message",
    [
        (["--vocab", "256"], "--vocab: received 256, allowed 257 (the bytes"),
        (["--validation-fraction", "1"], "--validation-fraction: received 1.0, allowed above 0"),
        (["--extensions", ".rs"], "received nothing for training, allowed more text"),
    ],
)
def test_bad_input_is_one_line(text, tmp_path, options, message):
    done = cut(text, tmp_path / "out", *options)
    assert done.returncode == 1 and message in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()
