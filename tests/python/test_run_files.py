# SPDX-License-Identifier: Apache-2.0
"""A run folder that holds other things than the run's own files: nothing of them is lost."""

import os
import shutil
import subprocess

import pytest

from trainer import CLI, finished_run, steepest

NAMES = ("manifest.json", "model.safetensors", "model.safetensors.tmp-1-0", "thesis.txt")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return finished_run(tmp_path_factory.mktemp("finished"), 12)


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


@pytest.fixture
def victim(tmp_path):
    """A folder of somebody's, with names of a checkpoint's files among others."""
    folder = tmp_path / "victim"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text("mine")
    yield folder
    assert sorted(os.listdir(folder)) == sorted(NAMES)
    assert {(folder / name).read_text() for name in NAMES} == {"mine"}


def resume(run, steps=16, **options):
    return steepest("train", "--resume", run, "--set", f"run.steps={steps}", **options)


def refused(done, what):
    """Exit code 4 and one line that says what."""
    line = done.stderr.strip()
    return done.returncode == 4 and "\n" not in line and what in line


@pytest.mark.parametrize("name", ["ckpt-1", "ckpt-999"])
def test_links_named_like_checkpoints(run, victim, name):
    (run / name).symlink_to(victim)
    done = resume(run)
    assert done.returncode == 0, done.stderr
    assert (run / name).is_symlink() and (run / "ckpt-16").is_dir()
    assert done.stderr.count(f"{name}: left as it is: a symbolic link") == 1


def test_a_link_where_the_next_checkpoint_belongs(run, victim):
    (run / "ckpt-14").symlink_to(victim)
    done = resume(run)
    assert done.returncode == 4 and "ckpt-14: left as it is: a symbolic link" in done.stderr
    assert (run / "ckpt-12/manifest.json").exists()


@pytest.mark.parametrize("name", ["config.toml", "env.json", "metrics.jsonl", ".lock"])
def test_links_in_place_of_the_runs_own_files(run, tmp_path, name):
    text = (run / name).read_text()
    (tmp_path / "thesis").write_text(text)
    (run / name).unlink()
    (run / name).symlink_to(tmp_path / "thesis")
    done = resume(run)
    assert refused(done, f"{name}: a symbolic link, allowed a regular file"), done.stderr
    assert (tmp_path / "thesis").read_text() == text and not (run / "ckpt-16").exists()


@pytest.mark.parametrize("name", ["env.json", "metrics.jsonl", ".lock"])
def test_pipes_are_not_waited_for(run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    assert refused(resume(run, timeout=20), f"{name}: a pipe, socket or device")


@pytest.mark.parametrize("name", ["manifest.json", "model.safetensors", "state.safetensors"])
def test_a_pipe_in_a_checkpoint_is_damage(run, name):
    (run / "ckpt-12" / name).unlink()
    os.mkfifo(run / "ckpt-12" / name)
    done = steepest("eval", run, timeout=20)
    assert done.returncode == 0 and f"ckpt-12/{name}: not a regular file; using" in done.stderr


def test_a_pipe_as_config(tmp_path):
    os.mkfifo(tmp_path / "run.toml")
    done = steepest("train", tmp_path / "run.toml", timeout=20)
    assert done.returncode != 0 and done.stderr.strip().endswith("not a regular file")


def test_names_that_only_look_like_temporaries(run):
    (run / "notes.tmp-1").write_text("mine")
    (run / "plots.tmp-old").mkdir()
    (run / "config.toml.tmp-2-0").write_text("half")
    done = resume(run)
    assert done.returncode == 0, done.stderr
    assert (run / "notes.tmp-1").read_text() == "mine" and (run / "plots.tmp-old").is_dir()
    assert not (run / "config.toml.tmp-2-0").exists()


@pytest.mark.parametrize("text", ['{"mine": 1}', "[1, 2]", "[" * 200_000])
def test_an_env_json_of_another_leaves_nothing_half_made(run, tmp_path, text):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/env.json").write_text(text)
    done = steepest(
        "train", run / "config.toml", "--set", f"run.out={tmp_path / 'new'}", timeout=30
    )
    assert refused(done, "env.json: not of a run"), done.stderr
    assert os.listdir(tmp_path / "new") == ["env.json"]
    (run / "env.json").write_text(text)
    assert refused(resume(run, timeout=30), "env.json: not a list of starts")
    assert (run / "env.json").read_text() == text


def test_notes_inside_a_checkpoint_stay(run):
    (run / "ckpt-12/notes.txt").write_text("mine")
    done = resume(run, steps=40)
    assert done.returncode == 0, done.stderr
    assert os.listdir(run / "ckpt-12") == ["notes.txt"]
    assert done.stderr.count('left in place: "notes.txt" is not the trainer\'s') == 1


def test_a_backup_of_hard_links_keeps_its_content(run, tmp_path):
    backup = tmp_path / "backup"
    shutil.copytree(run, backup, copy_function=os.link)
    before = {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()}
    assert resume(run).returncode == 0
    assert {path: path.read_bytes() for path in backup.rglob("*") if path.is_file()} == before


def test_too_many_open_files_is_not_damage(run):
    """Whatever the limit, the newest checkpoint is used, or none and nothing is lost."""
    before = sorted(os.listdir(run))
    codes = set()
    for limit in range(4, 24):
        command = f"ulimit -n {limit}; exec '{CLI}' eval '{run}'"
        done = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
        )
        codes.add(done.returncode)
        assert "; using" not in done.stderr, done.stderr
        assert done.returncode != 0 or '"step":12' in done.stdout
    assert 0 in codes and len(codes) > 1
    assert sorted(os.listdir(run)) == before
