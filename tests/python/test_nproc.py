# SPDX-License-Identifier: Apache-2.0
"""A run that processes share is the run of one process, whatever their number and whoever dies."""

import json
import os
import signal
import socket
import subprocess
import time

import pytest

from trainer import CLI, losses, start, steepest, weights, write_config

SHARED = {
    "dropout": ("dropout = 0.1", "dropout = 0.0"),
    "rows": ("rows = 4\naccumulate = 2", "rows = 6"),
    "steps": ("steps = 40", "steps = 20"),
    "schedule": ('kind = "constant_linear"\nwarmup = 3', 'kind = "constant"'),
    "often": ("checkpoint_every = 7", "checkpoint_every = 4"),
}


def numbers(run):
    """What a run logged of its steps and validations."""
    return [
        {k: v for k, v in row.items() if k in ("step", "loss", "val_loss", "q", "D", "lr")}
        for row in losses(run)
    ]


def assert_same_run(run, reference):
    got, wanted = numbers(run), numbers(reference)
    assert len(got) == len(wanted) > 20
    for one, other in zip(got, wanted, strict=True):
        assert one == pytest.approx(other, rel=1e-6)


def steps_of(run):
    """All of what it logged of its steps; validations take batches of a micro-batch's size."""
    return [row for row in losses(run) if "loss" in row]


def lines_of(done):
    return [line for line in done.stderr.splitlines() if line.startswith("steepest: ")]


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    done = steepest("train", write_config(folder, **SHARED), "--quiet")
    assert done.returncode == 0, done.stderr
    return folder / "run"


def processes_of(launcher):
    """The process numbers of a launcher's children by their rank, once all have come."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        found = {}
        with open(f"/proc/{launcher.pid}/task/{launcher.pid}/children") as children:
            for child in children.read().split():
                with open(f"/proc/{child}/environ", "rb") as environment:
                    words = dict(w.split(b"=", 1) for w in environment.read().split(b"\0") if w)
                if words.get(b"RANK", b"").isdigit():
                    found[int(words[b"RANK"])] = int(child)
        if len(found) == 2:
            return found
        time.sleep(0.01)
    raise AssertionError("the processes do not come")


def wait_for_steps(run, count):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        log = run / "metrics.jsonl"
        if log.exists() and log.read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.01)
    raise AssertionError("the run does not log")


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_losses_are_those_of_one_process(tmp_path, reference):
    config = write_config(tmp_path, **SHARED)
    for count in (2, 3):
        done = steepest(
            "train", config, "--nproc", count, "--set", f"run.out={tmp_path / str(count)}"
        )
        assert done.returncode == 0, done.stderr
        assert_same_run(tmp_path / str(count), reference)
        (started,) = json.loads((tmp_path / str(count) / "env.json").read_text())
        assert started["processes"] == count
        assert json.loads(done.stdout)["steps"] == 20


@pytest.mark.parametrize("recipe", ["muon", "adamw"])
def test_the_bits_are_those_of_as_many_micro_batches(tmp_path, recipe):
    """With dropout, which is drawn for each micro-batch, and clipping."""
    config = write_config(tmp_path, **{k: v for k, v in SHARED.items() if k != "dropout"})
    sets = ["--set", f"optimizer.recipe={recipe}", "--set", "optimizer.clip=0.5"]
    for name, words in {
        "one": ["--set", "batch.accumulate=3"],
        "three": ["--nproc", "3"],
    }.items():
        done = steepest("train", config, *words, *sets, "--set", f"run.out={tmp_path / name}")
        assert done.returncode == 0, done.stderr
    assert steps_of(tmp_path / "three") == steps_of(tmp_path / "one")
    assert weights(tmp_path / "three") == weights(tmp_path / "one")


def test_a_micro_batch_is_divided(tmp_path, reference):
    config = write_config(tmp_path, **SHARED)
    done = steepest("train", config, "--nproc", 2, "--set", "batch.accumulate=3")
    assert done.returncode == 0, done.stderr
    for one, other in zip(steps_of(tmp_path / "run"), steps_of(reference), strict=True):
        assert one == pytest.approx(other, rel=1e-6)


def test_a_run_goes_on_with_another_number(tmp_path, reference):
    config = write_config(tmp_path, **SHARED)
    run = tmp_path / "run"
    for steps, count in ((6, 2), (13, 1), (20, 2)):
        words = ["--resume", run] if run.exists() else []
        done = steepest("train", config, "--nproc", count, "--set", f"run.steps={steps}", *words)
        assert done.returncode == 0, done.stderr
    for one, other in zip(steps_of(run), steps_of(reference), strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    starts = json.loads((run / "env.json").read_text())
    assert [s.get("processes", 1) for s in starts] == [2, 1, 2]


@pytest.mark.parametrize("rank", [0, 1])
def test_a_process_that_dies_ends_the_others(tmp_path, reference, rank):
    config = write_config(tmp_path, **SHARED)
    run = tmp_path / "run"
    launcher = start("train", config, "--nproc", 2, "--quiet")
    processes = processes_of(launcher)
    wait_for_steps(run, 9)
    os.kill(processes[rank], signal.SIGKILL)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 6, stderr
    (line,) = stderr.decode().splitlines()
    assert line.startswith(f"steepest: process {rank} of 2 was ended by signal 9")
    assert line.endswith(f"--resume {run}")
    assert not any(is_running(process) for process in processes.values())
    done = steepest("train", "--resume", run, "--nproc", 2)
    assert done.returncode == 0, done.stderr
    assert_same_run(run, reference)


def test_a_signal_to_one_ends_all_in_order(tmp_path, reference):
    """To the launcher, as a batch system sends it, or to a process that writes no files."""
    config = write_config(tmp_path, **SHARED)
    run = tmp_path / "run"
    launcher = start("train", config, "--nproc", 2)
    processes = processes_of(launcher)
    wait_for_steps(run, 3)
    launcher.send_signal(signal.SIGINT)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 130, stderr
    assert b"go on with --resume" in stderr
    assert not any(is_running(process) for process in processes.values())
    launcher = start("train", "--resume", run, "--nproc", 2)
    processes = processes_of(launcher)
    wait_for_steps(run, 8)
    os.kill(processes[1], signal.SIGTERM)
    _, stderr = launcher.communicate(timeout=60)
    assert launcher.returncode == 143, stderr
    assert steepest("train", "--resume", run).returncode == 0
    assert_same_run(run, reference)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_processes_that_torchrun_starts(tmp_path, reference):
    config = write_config(tmp_path, **SHARED)
    world = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen([CLI, "train", config, "--quiet"], env=os.environ | world | {"RANK": rank})
        for rank in "01"
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]
    assert_same_run(tmp_path / "run", reference)


WORLD = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29999"}


@pytest.mark.parametrize(
    "words, env, told",
    [
        (["--nproc", "0"], {}, "--nproc: received 0, allowed 1 or more"),
        (["--nproc", "4"], {}, "--nproc: received 4, allowed a divisor of 6, the rows of a micro"),
        (["--nproc", "2", "--set", "batch.accumulate=2"], {}, "allowed a divisor of 3"),
        (["--nproc", "2", "--set", "run.device=cuda"], {}, 'run.device "cuda", allowed 1'),
        (["--dry-run", "--nproc", "4"], {}, "allowed a divisor of 6"),
        ([], WORLD | {"RANK": "2"}, 'RANK: received "2", allowed 0 to 1'),
        ([], WORLD | {"WORLD_SIZE": "many"}, 'WORLD_SIZE: received "many", allowed 1 to'),
        ([], WORLD | {"MASTER_PORT": "0"}, 'MASTER_PORT: received "0", allowed 1 to 65535'),
        ([], WORLD | {"MASTER_ADDR": ""}, "MASTER_ADDR: received nothing"),
        (["--nproc", "3"], WORLD, "--nproc: received 3 where WORLD_SIZE is 2, allowed the same"),
    ],
)
def test_bad_numbers(tmp_path, words, env, told):
    done = steepest("train", write_config(tmp_path, **SHARED), *words, env=env)
    assert done.returncode == 2
    (line,) = lines_of(done)
    assert told in line
    assert not (tmp_path / "run").exists()


def test_an_error_of_all_is_told_once(tmp_path):
    config = write_config(tmp_path, **SHARED)
    done = steepest("train", config, "--nproc", 2, "--set", f"data.path={tmp_path / 'nothing'}")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "nothing" in done.stderr


def test_a_dry_run_tells_who_does_what(tmp_path):
    done = steepest("train", write_config(tmp_path, **SHARED), "--dry-run", "--nproc", 3)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    shares = lines[lines.index("3 processes, each with all weights and all state") + 1 :]
    assert [line.split(":")[0] for line in shares] == [f"process {r}" for r in range(3)]
    first = next(i for i, line in enumerate(lines) if line.endswith("computed by"))
    for rank in range(3):
        assert any(line.endswith(f" process {rank}") for line in lines[first:])
    assert not (tmp_path / "run").exists()
