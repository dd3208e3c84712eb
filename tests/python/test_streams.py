# SPDX-License-Identifier: Apache-2.0
"""Signals of terminals and batch systems, and standard streams that are closed, full or gone."""

import signal
import subprocess

import pytest
from test_resume import wait_for_lines

from trainer import CLI, losses, start, steepest, weights, write_config


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    assert steepest("train", write_config(folder)).returncode == 0
    return losses(folder / "run"), weights(folder / "run")


ASKING = [signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU, signal.SIGQUIT]


@pytest.mark.parametrize("number", ASKING)
def test_a_signal_saves_and_stops(tmp_path, reference, number):
    config, run = write_config(tmp_path), tmp_path / "run"
    process = start("train", config)
    wait_for_lines(run, 5)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"go on with --resume" in stderr
    logged = sum("loss" in row for row in losses(run))
    assert (run / f"ckpt-{logged}").is_dir()  # nothing that was logged is lost
    assert steepest("train", "--resume", run).returncode == 0
    assert (losses(run), weights(run)) == reference


def test_a_pipe_signal_changes_nothing(tmp_path, reference):
    config, run = write_config(tmp_path), tmp_path / "run"
    process = start("train", config)
    wait_for_lines(run, 5)
    process.send_signal(signal.SIGPIPE)
    process.communicate(timeout=60)
    assert process.returncode == 0 and weights(run) == reference[1]


def shell(command, *args):
    line = ["bash", "-c", command, "bash", CLI, *map(str, args)]
    return subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams(tmp_path, reference, closed):
    config, run = write_config(tmp_path), tmp_path / "run"
    done = shell(f'"$@" {closed}', "train", config)
    assert done.returncode == 0, done.stderr
    assert (losses(run), weights(run)) == reference
    assert all(
        b"optimizer_share" not in (run / name).read_bytes() for name in [".lock", "env.json"]
    )


def test_the_reader_of_stderr_goes_away(tmp_path, reference):
    config, run = write_config(tmp_path), tmp_path / "run"
    process = start("train", config)
    process.stderr.readline()
    process.stderr.close()
    process.stdout.read()
    assert process.wait(60) == 0
    assert (losses(run), weights(run)) == reference


def test_a_result_that_nobody_reads(tmp_path, reference):
    config, run = write_config(tmp_path), tmp_path / "run"
    done = shell('"$@" | true; exit ${PIPESTATUS[0]}', "train", config, "--quiet")
    assert done.returncode == 0, done.stderr
    assert weights(run) == reference[1]
    assert shell('"$@" | true; exit ${PIPESTATUS[0]}', "list", "--json").returncode in (0, 1)


def test_a_result_that_cannot_be_printed(tmp_path, reference):
    config, run = write_config(tmp_path), tmp_path / "run"
    done = shell('"$@" >/dev/full', "train", config, "--quiet")
    assert done.returncode == 1
    assert done.stderr.startswith("stdout: cannot write: No space left on device")
    assert len(done.stderr.strip().splitlines()) == 1
    assert (losses(run), weights(run)) == reference
    for args in (
        ["eval", run, "--batches", 2],
        ["sample", run],
        ["compare", run],
        ["list"],
        ["info"],
        ["--help"],
    ):
        done = shell('"$@" >/dev/full', *args)
        assert done.returncode == 1, args
        assert len(done.stderr.strip().splitlines()) == 1 and "stdout" in done.stderr
