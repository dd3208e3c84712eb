# SPDX-License-Identifier: Apache-2.0
"""A run that is killed anywhere and resumed ends as the uninterrupted one, bit for bit."""

import signal
import time

import pytest

from trainer import losses, start, steepest, weights, write_config


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    done = steepest("train", write_config(folder))
    assert done.returncode == 0, done.stderr
    assert sum("loss" in row for row in losses(folder / "run")) == 40
    return losses(folder / "run"), weights(folder / "run")


def wait_for_lines(run, count):
    """Until the run has logged so many lines."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        log = run / "metrics.jsonl"
        if log.exists() and log.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.002)
    raise AssertionError("the run does not log")


@pytest.mark.parametrize("lines", [0, 1, 6, 7, 8, 11, 16, 23, 30, 41])
def test_sigkill_anywhere(tmp_path, reference, lines):
    config, run = write_config(tmp_path), tmp_path / "run"
    process = start("train", config)
    if lines:
        wait_for_lines(run, lines)
    else:  # while it is still starting
        while not (run / "config.toml").exists():
            time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = steepest("train", config, "--resume", run)
    assert done.returncode == 0, done.stderr
    assert (losses(run), weights(run)) == reference


def test_killed_again_and_again(tmp_path, reference):
    config, run = write_config(tmp_path), tmp_path / "run"
    for lines in (9, 18, 27):
        extra = ["--resume", run] if run.exists() else []
        process = start("train", config, *extra)
        wait_for_lines(run, lines)
        process.kill()
        process.wait()
    assert steepest("train", config, "--resume", run).returncode == 0
    assert (losses(run), weights(run)) == reference


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_first_signal_saves_and_stops(tmp_path, reference, number, code):
    config, run = write_config(tmp_path), tmp_path / "run"
    process = start("train", config)
    wait_for_lines(run, 5)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"go on with --resume" in stderr
    logged = losses(run)
    assert len(list(run.glob("ckpt-*"))) >= 1 and len(logged) < len(reference[0])
    assert steepest("train", "--resume", run).returncode == 0  # the folder's own config
    assert (losses(run), weights(run)) == reference
