# SPDX-License-Identifier: Apache-2.0
"""Training data that changes between two starts, or under a run."""

import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path

from data import tokens
from kit import (
    CHECKPOINT,
    CONSTANT,
    DATA,
    DONE,
    case,
    last_line,
    lines_in,
    reference,
    refused,
    resume,
    sets,
    start,
    steps_of,
    train,
    wait_for,
    weights,
    write_config,
)


@case("F6", "Data changed between start and resume")
def changed(t):
    """One byte, another file, a file more, or less: one line that names the data; the run's own
    output is never data."""
    ref = reference(t, "run.steps=20", **CONSTANT)

    def one_byte(text):
        path = text / "3.txt"
        times = path.stat()
        data = bytearray(path.read_bytes())
        data[100] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    for what, change in (
        ("one byte, same size and time", one_byte),
        ("another file", lambda text: (text / "5.txt").write_text("other words " * 200)),
        ("a file more", lambda text: (text / "new.txt").write_text("other words " * 200)),
        ("a file less", lambda text: (text / "2.txt").unlink()),
        ("nothing", lambda text: None),
    ):
        folder = t.sub("changed")
        shutil.copytree(ref.folder / "text", folder / "text")
        config = write_config(folder, **CONSTANT)
        train("train", config, "--quiet", *sets(["run.steps=20"]))
        change(folder / "text")
        done = resume(folder / "run", "run.steps=30")
        if what == "nothing":
            t.check(done.returncode == DONE, f"unchanged data: {last_line(done)}")
        else:
            refused(t, what, done, (DATA, CHECKPOINT), ("data", "text"))
            t.check(max(steps_of(folder / "run")) == 20, f"{what}: trained on")
    inside(t)
    return t.result("4 changes, and the run inside its data")


def inside(t):
    """`out` within `data.path`: refused at once, or left out of the data."""
    folder = t.sub("inside")
    config = write_config(folder, **CONSTANT)
    run = folder / "text" / "run"
    settings = [f"run.out={run}", "run.steps=20"]
    done = train("train", config, "--quiet", *sets(settings))
    if done.returncode != DONE:
        refused(t, "out inside data.path", done, (2, DATA, CHECKPOINT), ("out", "data"))
        return
    long = t.sub("inside-long")
    config = write_config(long, **CONSTANT)
    train("train", config, "--quiet", *sets([f"run.out={long}/text/run", "run.steps=30"]))
    done = resume(run, "run.steps=30")
    same = done.returncode == DONE and weights(run) == weights(long / "text" / "run")
    t.check(same, f"out inside data.path: the resume reads its own output: {last_line(done)}")


@case("F7", "A shard cut or overwritten while training")
def cut_while_training(t):
    """One line that names the shard; no SIGBUS, no "index out of range in self"."""
    for what, change in (
        ("cut", lambda p: os.truncate(p, 1024)),
        ("cut to nothing", lambda p: os.truncate(p, 0)),
        ("overwritten", lambda p: overwrite(p)),
    ):
        folder = t.sub("cut")
        shard, good = folder / "shard.bin", folder / "good.bin"
        shard.write_bytes(tokens(200_000))
        good.write_bytes(tokens())
        config = write_config(folder)
        chosen = [
            "data.kind=tokens",
            f"data.path={shard}",
            f"data.validation_path={good}",
            "model.vocab=200",
            "run.steps=4000",
        ]
        process = start("train", config, "--quiet", *sets(chosen))
        t.check(wait_for(lambda run=folder / "run": lines_in(run) >= 8), "the run does not log")
        change(shard)
        try:
            _, err = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            _, err = process.communicate()
        said = err.decode(errors="replace")
        done = subprocess.CompletedProcess([], process.returncode, "", said)
        t.check(process.returncode != -signal.SIGBUS, f"{what}: SIGBUS, no message")
        if process.returncode not in (-signal.SIGBUS, DONE):
            refused(t, what, done, DATA, "shard.bin")
        t.check(process.returncode != DONE, f"{what}: trained on as if nothing had happened")
    return t.result("cut, emptied, overwritten")


def overwrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(1024)
        file.write(struct.pack("<H", 65535) * 200_000)
