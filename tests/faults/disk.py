# SPDX-License-Identifier: Apache-2.0
"""Disks that are full, broken or read-only."""

import errno
import shutil
import subprocess

from kit import (
    CHECKPOINT,
    CLI,
    DONE,
    case,
    fault,
    last_line,
    may,
    reference,
    refused,
    resume,
    spread,
    steps_of,
    train,
    write_config,
)
from probe import verified


def whole(t, run, what):
    """Every checkpoint that has a manifest is undamaged."""
    for step, said in verified([run / f"ckpt-{s}" for s in steps_of(run)]).items():
        t.check(said.startswith("ok"), f"{what}: {step.name}: {said}")


def after_failure(t, ref, what, done, run, words=()):
    """One line, old checkpoints whole, and the bits of the whole run once the cause is gone."""
    refused(t, what, done, CHECKPOINT, *words)
    whole(t, run, what)
    again = (
        resume(run)
        if (run / "config.toml").exists()
        else train("train", run.parent / "run.toml", "--quiet")
    )
    differs = ref.repeated_by(run)
    t.check(again.returncode == DONE, f"{what}: then exit {again.returncode}, {last_line(again)}")
    t.check(not differs, f"{what}: then {differs}")
    return not differs


def on_small_disk(t, config, run, size):
    """Trains on a file system of `size` KiB; what is on it is copied out at the end."""
    run.mkdir()
    disk = t.sub("disk")
    script = (
        f'mount -t tmpfs -o size={size}k none "{disk}" && mkdir "{disk}/run" && '
        f'mount --bind "{disk}/run" "{run}" && "{CLI}" train "{config}" --quiet; code=$?; '
        f'umount "{run}"; cp -a "{disk}/run/." "{run}/"; exit $code'
    )
    return subprocess.run(
        ["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False
    )


def full_disk(t, ref):
    saved = sum(p.stat().st_size for p in (ref.folder / "run").glob("ckpt-40/*")) // 1024
    for size in (saved // 2, int(2.4 * saved)):  # before the first checkpoint, at the third
        folder = t.sub("full")
        config, run = write_config(folder), folder / "run"
        if may("-m"):
            done = on_small_disk(t, config, run, size)
            what = f"tmpfs of {size} KiB"
        else:
            limit = fault(f"{run}/", n=60 if size < saved else 120, ops="write", errno=errno.ENOSPC)
            done = train("train", config, "--quiet", env={**limit, "FAULT_ALL": "1"})
            what = "ENOSPC from preload.c (no right to mount)"
        after_failure(t, ref, what, done, run, ["space"])
        t.note(what)


@case("4", "Disk full, EIO, read-only folder", heavy=True)
def broken_disk(t):
    """One line naming the file, exit 4; the old checkpoints intact, the half one gone; with the
    cause gone the run goes on to the same bits."""
    ref = reference(t)
    full_disk(t, ref)
    tried = equal = 0
    for op in ("open", "write", "fsync", "rename", "mkdir"):
        folder = t.sub("counted")
        config, run, count = write_config(folder), folder / "run", t.folder / "count"
        train("train", config, "--quiet", env=fault(f"{run}/", ops=op, count=count))
        total = int(count.read_text())
        for n in spread(total, total if t.long else 3):
            folder = t.sub("broken")
            config, run = write_config(folder), folder / "run"
            env = fault(f"{run}/", ops=op, n=n, errno=errno.EIO)
            done = train("train", config, "--quiet", env=env)
            what = f"EIO at {op} {n} of {total}"
            tried += 1
            if done.returncode == DONE:  # what only tidies up or reads may be done without
                equal += not ref.repeated_by(run)
                t.check(not ref.repeated_by(run), f"{what}: {ref.repeated_by(run)}")
            else:
                equal += after_failure(t, ref, what, done, run)
    read_only(t)
    return t.result(f"{equal} of {tried} EIO bit-equal afterwards")


def read_only(t):
    folder = t.sub("readonly")
    config = write_config(folder)
    if may("-m"):
        place = folder / "place"
        place.mkdir()
        script = (
            f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && '
            f'"{CLI}" train "{config}" --quiet --set run.out="{place}/run"'
        )
        done = subprocess.run(
            ["unshare", "-m", "bash", "-c", script], capture_output=True, text=True, check=False
        )
    else:
        env = fault(f"{folder}/run", n=1, errno=errno.EROFS, every=True, ops="mkdir,open")
        done = train("train", config, "--quiet", env=env)
    refused(t, "read-only", done, CHECKPOINT, "read-only")


@case("F4", "A read error at resume (EIO, EMFILE, EACCES)")
def read_errors(t):
    """It is no damage: the resume refuses in one line, no older checkpoint is used and the newest
    stays; with the cause gone the run goes on to the same bits."""
    ref = reference(t)
    held = tried = 0
    for number, ops in ((errno.EIO, "read"), (errno.EMFILE, "open"), (errno.EACCES, "open")):
        folder = t.sub("stopped")
        config, run = write_config(folder), folder / "run"
        env = fault(str(run / "ckpt-28"), ops="mkdir", n=1, errno=errno.EIO)
        train("train", config, "--quiet", env=env)  # stops with 14 and 21
        newest = max(steps_of(run))
        count = t.folder / "count"
        path = f"/ckpt-{newest}/"
        copy = t.folder / "copy"
        subprocess.run(["cp", "-a", run, copy], check=True)
        train("train", "--quiet", "--resume", copy, env=fault(path, ops=ops, count=count))
        subprocess.run(["rm", "-r", copy], check=True)
        total = int(count.read_text())
        for n in spread(min(total, 12), 12 if t.long else 3):
            tried += 1
            what = f"{errno.errorcode[number]} at {ops} {n}"
            copy = t.sub("tried") / "run"
            shutil.copytree(run, copy)
            done = resume(copy, env=fault(path, ops=ops, n=n, errno=number, every=True))
            if done.returncode == DONE:  # all was read before: only tidying up has failed
                good = "; using " not in done.stderr and not ref.repeated_by(copy)
                held += t.check(good and path[1:-1] in done.stderr, f"{what}: {last_line(done)}")
                continue
            good = refused(t, what, done, CHECKPOINT, f"ckpt-{newest}")
            held += good and t.check(newest in steps_of(copy), f"{what}: ckpt-{newest} is gone")
        resume(run)
        t.check(not ref.repeated_by(run), f"afterwards: {ref.repeated_by(run)}")
    return t.result(f"{held} of {tried} refused, nothing lost")
