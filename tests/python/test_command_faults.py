# SPDX-License-Identifier: Apache-2.0
"""What people type, name and leave lying about: one line, its exit code, nothing written."""

import json
import os

import pytest
from test_command import one_line

from trainer import CLI, steepest, write_config, write_text


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert (
        steepest("train", write_config(folder, steps=("steps = 40", "steps = 12"))).returncode == 0
    )
    return folder / "run"


ODD = [
    'a"b',
    "a\\b",
    "a'b\tc",
    "ä%s",
    "a\nb",
    " a ",
    "a#b",
    "-a",
    "$HOME",
    "'''",
    "a\\u0041",
    "\x1b[31m",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_paths_train_and_resume(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    data = write_text(folder / "text")
    config = write_config(tmp_path, kind=('kind = "constant_linear"', 'kind = "constant"'))
    sets = [f"run.out={folder}/r", f"data.path={data}", "run.steps=3"]
    done = steepest("train", config, *[word for s in sets for word in ("--set", s)])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == f"{folder}/r"
    again = steepest("train", "--resume", folder / "r", "--set", "run.steps=4")
    assert again.returncode == 0, again.stderr
    assert (folder / "r" / "ckpt-4").is_dir()
    assert steepest("eval", folder / "r").returncode == 0
    assert steepest("compare", folder / "r").returncode == 0
    assert sorted(os.listdir(tmp_path)) == sorted({name, "text", "run.toml"})


def test_paths_that_are_not_utf8_are_refused_at_the_start(tmp_path):
    config, name = write_config(tmp_path), os.fsdecode(b"a\xffb")
    for key in ("run.out", "data.path"):
        one_line(steepest("train", config, "--set", f"{key}={tmp_path}/{name}"), 2, key, "\\xff")
    (tmp_path / name).mkdir()
    (tmp_path / name / "config.toml").write_text(config.read_text())
    one_line(steepest("train", "--resume", tmp_path / name), 2, "--resume", "\\xff")
    assert os.listdir(tmp_path / name) == ["config.toml"]


def test_missing_values(tmp_path, run):
    config = write_config(tmp_path)
    one_line(steepest("train", config, "--resume", ""), 2, "--resume", "nothing")
    one_line(steepest("train", ""), 2, "config", "nothing")
    one_line(steepest("train", config, "--set", "run.out="), 2, "run.out", "nothing")
    for command in ("eval", "sample", "compare"):
        one_line(steepest(command, ""), 2, "run", "nothing")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["sample", "RUN", "--seed", "-1"],
        ["sample", "RUN", "--seed", "99999999999999999999"],
        ["sample", "RUN", "--seed", "x"],
        ["sample", "RUN", "--count", "0"],
        ["sample", "RUN", "--count", "-5"],
        ["sample", "RUN", "--count", "1e30"],
        ["sample", "RUN", "--temperature", "-1"],
        ["sample", "RUN", "--temperature", "nan"],
        ["sample", "RUN", "--temperature", "inf"],
        ["sample", "RUN", "--temperature", "x"],
        ["sample", "RUN", "--top-k", "-1"],
        ["sample", "RUN", "--ids", "256"],
        ["sample", "RUN", "--ids", "-1"],
        ["sample", "RUN", "--ids", "x"],
        ["sample", "RUN", "--prompt", ""],
        ["eval", "RUN", "--batches", "-1"],
        ["eval", "RUN", "--batches", "99999999999999999999"],
        ["eval", "RUN", "--set", "model.width=64\n"],
        ["train", "--steps", "5"],
        ["trian"],
        [],
    ],
)
def test_bad_options_are_one_line(run, args):
    done = steepest(*[run if word == "RUN" else word for word in args])
    assert done.returncode in (2, 4), (done.returncode, done.stderr)
    assert done.stdout == "" and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert done.stderr.startswith("steepest: ")


@pytest.mark.parametrize("command", ["eval", "sample", "compare", "train --resume"])
def test_odd_folders(tmp_path, run, command):
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    for name in ("missing", "file", "empty", "link"):
        done = steepest(*command.split(), tmp_path / name)
        assert done.returncode in (2, 4) and len(done.stderr.splitlines()) == 1, done.stderr
        assert name in done.stderr and done.stdout == ""
    assert sorted(os.listdir(tmp_path)) == ["empty", "file", "link"]


def with_metrics(run, folder, text):
    folder.mkdir()
    (folder / "config.toml").write_bytes((run / "config.toml").read_bytes())
    (folder / "metrics.jsonl").write_bytes(text)
    return folder


def test_compare_reads_what_a_kill_has_left(tmp_path, run):
    text = (run / "metrics.jsonl").read_bytes()
    cut = with_metrics(run, tmp_path / "cut", text + text.splitlines()[3][:20])
    rows = json.loads(steepest("compare", "--json", run, cut).stdout)
    assert {**rows[0], "run": ""} == {**rows[1], "run": ""}
    empty = with_metrics(run, tmp_path / "none", b"")
    assert steepest("compare", empty).returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        b'{"step": 1, "a": ' + b"[" * 200000 + b"]" * 200000 + b"}",
        b"[" * 200000,
        b"[1]",
        b"x",
        b"",
        b"\xff",
        b'{"a": 1}',
        b'{"step": "1"}',
        b'{"step": 1, "x": "' + b"y" * (2 << 20) + b'"}',
    ],
)
def test_compare_names_a_foreign_line(tmp_path, run, line):
    odd = with_metrics(run, tmp_path / "odd", b'{"step": 1}\n' + line + b"\n")
    one_line(steepest("compare", run, odd), 4, "metrics.jsonl:2")


def test_huge_keys_and_escape_codes_stay_small(tmp_path):
    config = write_config(tmp_path)
    for text in (
        "k" * 100000,
        "run." + "k" * 100000 + "=1",
        "run.steps=" + "9" * 100000,
        "run.\x1b[31m=1",
    ):
        done = steepest("train", config, "--set", text)
        one_line(done, 2)
        assert len(done.stderr) < 2500 and "\x1b" not in done.stderr
    (tmp_path / "odd.toml").write_text("[run]\n" + "k" * 500000 + " = 1\n")
    one_line(steepest("train", tmp_path / "odd.toml"), 2, "odd.toml:2", "unknown key")


def test_a_missing_device_is_one_line(tmp_path):
    done = steepest("train", write_config(tmp_path), "--set", "run.device=cuda")
    if done.returncode != 0:  # where there is none
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_a_huge_file_is_one_line(tmp_path):
    config = write_config(tmp_path)
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 42)
    one_line(steepest("train", config, "--set", f"data.path={tmp_path}/huge"), 3, "huge", "memory")
    one_line(steepest("train", tmp_path / "huge"), 2, "huge", "allowed at most")


def test_numbers_do_not_depend_on_the_locale(tmp_path):
    import subprocess

    config = write_config(tmp_path)
    args = [
        CLI,
        "train",
        config,
        "--set",
        "optimizer.lr=0.5",
        "--set",
        "optimizer.radius=0.25",
        "--dry-run",
    ]
    env = {**os.environ, "LC_ALL": "de_DE.UTF-8"}
    done = subprocess.run(args, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "lr = 0.5" in done.stdout, done.stderr


def test_help_tells_the_exit_codes():
    text = steepest("--help").stdout
    for code in ("0 done", "2 usage", "3 data", "4 checkpoint", "5 NaN", "128 + n"):
        assert code in text
