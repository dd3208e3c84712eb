# SPDX-License-Identifier: Apache-2.0
"""Processes that are killed or told to stop."""

import json
import random
import signal
import subprocess
import time

from kit import (
    CLI,
    DONE,
    case,
    fault,
    in_container,
    last_line,
    lines_in,
    losses,
    reference,
    refused,
    resume,
    sets,
    spread,
    start,
    steps_of,
    train,
    wait_for,
    write_config,
)


def go_on(config, run, env=None):
    """Started again as its user would: with --resume where there is something to resume."""
    extra = ["--resume", run] if (run / "config.toml").exists() else []
    return train("train", config, "--quiet", *extra, env=env)


@case("1", "SIGKILL at random times", heavy=True)
def random_kills(t):
    """After a kill at any time and --resume: every logged loss and the weights bit-equal to the
    uninterrupted run, at most one checkpoint interval repeated, never "no valid checkpoint"."""
    ref = reference(t)
    at = random.Random(1)
    count, equal, landed, worst = 100 if t.long else 8, 0, 0, 0
    for i in range(count):
        folder = t.sub("killed")
        config, run = write_config(folder), folder / "run"
        process = start("train", config, "--quiet")
        time.sleep(at.uniform(0, 1.1 * ref.seconds))
        process.kill()
        landed += process.wait() == -signal.SIGKILL
        process.communicate()
        saved, logged = steps_of(run), [row["step"] for row in whole_lines(run)]
        lost = max(logged, default=0) - max(saved, default=0)
        worst = max(worst, lost)
        t.check(lost <= 7, f"kill {i}: {lost} steps lost, checkpoints every 7")
        done = go_on(config, run)
        t.check(done.returncode == DONE, f"kill {i}: exit {done.returncode}, {last_line(done)}")
        t.check("starting from step 0" not in done.stderr or not saved, f"kill {i}: began again")
        differs = ref.repeated_by(run)
        equal += not differs
        t.check(not differs, f"kill {i}: {differs}")
    return t.result(f"{landed} of {count} kills landed, {equal} bit-equal, {worst} steps repeated")


def whole_lines(run):
    """What was logged, without a last line that the kill has cut."""
    log = run / "metrics.jsonl"
    if not log.exists():
        return []
    text = log.read_text()
    log_lines = text[: text.rfind("\n") + 1].splitlines()
    return [row for row in map(json.loads, log_lines) if "loss" in row]


def operations(t, config, run):
    """How many operations on files of the run an undisturbed run makes."""
    count = t.folder / "count"
    done = train("train", config, "--quiet", env=fault(f"{run}/", count=count))
    assert done.returncode == DONE, done.stderr
    return int(count.read_text())


def kill_at(t, ref, points, container=False):
    """Killed before the n-th file operation, started again: as the uninterrupted run?"""
    equal = 0
    for n in points:
        folder = t.sub("killed")
        config, run = write_config(folder), folder / "run"
        environment = fault(f"{run}/", n=n)
        if container:
            code, _ = in_container(["train", config, "--quiet"], environment)
            extra = ["--resume", run] if (run / "config.toml").exists() else []
            again, err = in_container(["train", config, "--quiet", *extra], {})
            said = (err.strip().splitlines() or [""])[-1]
            killed = code in (-9, 137)
        else:
            killed = train("train", config, "--quiet", env=environment).returncode == -9
            done = go_on(config, run)
            again, said = done.returncode, last_line(done)
        differs = ref.repeated_by(run) if again == DONE else f"exit {again}, {said}"
        equal += not differs
        t.check(killed, f"operation {n}: was not killed")
        t.check(not differs, f"operation {n}: {differs}")
        left = [p.name for p in run.rglob("*.tmp-*")] if run.exists() else []
        t.check(not left, f"operation {n}: left {left}")
    return equal


@case("2", "SIGKILL between any two file operations of a run", heavy=True)
def kills_in_saves(t):
    """The checkpoint before is used, the rest of the broken save is ignored and removed, the
    resumed run ends with the same bits."""
    ref = reference(t)
    folder = t.sub("counted")
    count = operations(t, write_config(folder), folder / "run")
    points = spread(count, count if t.long else 14)
    equal = kill_at(t, ref, points)
    return t.result(f"{equal} of {len(points)} kill points (of {count} operations) bit-equal")


@case("F3", "SIGKILL in a save, restarted with the same process number", heavy=True)
def container_restart(t):
    """As the first process of a restarted container: what a killed save has left never blocks
    another save, and the run ends with the same bits."""
    ref = reference(t)
    folder = t.sub("counted")
    count = operations(t, write_config(folder), folder / "run")
    # The first operations write config.toml and env.json: there the leftovers of old blocked all.
    points = spread(count, count) if t.long else sorted({*range(3, 16, 2), *spread(count, 6)})
    equal = kill_at(t, ref, points, container=True)
    return t.result(f"{equal} of {len(points)} kill points bit-equal after a restart")


def started(t, name, **options):
    folder = t.sub(name)
    config, run = write_config(folder), folder / "run"
    return start("train", config, **options), run


SAVING = {signal.SIGINT: 130, signal.SIGTERM: 143}


@case("3", "SIGTERM, SIGINT")
def stop_signals(t):
    """The first ends the step and saves (exit 143, 130); resumed, the bits are the same. A second
    ends at once and damages nothing."""
    ref = reference(t)
    for number, code in SAVING.items():
        for times in (1, 2):
            process, run = started(t, f"{number.name}{times}")
            t.check(wait_for(lambda run=run: lines_in(run) >= 5), "the run does not log")
            for _ in range(times):
                process.send_signal(number)
            _, err = process.communicate(timeout=60)
            what = f"{number.name} x{times}"
            t.check(process.returncode in (code, -number)[:times], f"{what}: {process.returncode}")
            if times == 1:
                t.check(steps_of(run) and b"--resume" in err, f"{what}: nothing saved or said")
                t.check(len(losses(run)) < len(ref.losses), f"{what}: came too late")
            done = resume(run) if (run / "config.toml").exists() else None
            differs = ref.repeated_by(run) if done else "no run"
            t.check(not differs, f"{what}: {differs}")
    return t.result("both, once and twice; 4 resumes bit-equal" if not t.broken else "")


@case("F8", "SIGHUP, SIGUSR1, SIGXCPU, SIGPIPE, closed outputs")
def other_signals(t):
    """A terminal or a reader that goes away costs nothing: the run saves or goes on, resumed it has
    the same bits. A result that cannot be printed is an error."""
    ref = reference(t)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU):
        process, run = started(t, number.name)
        t.check(wait_for(lambda run=run: lines_in(run) >= 5), "the run does not log")
        process.send_signal(number)
        process.communicate(timeout=60)
        saved = max(steps_of(run), default=0)
        logged = max((row["step"] for row in whole_lines(run)), default=0)
        t.check(saved == logged, f"{number.name}: saved step {saved} of {logged}")
        resume(run)
        t.check(not ref.repeated_by(run), f"{number.name}: {ref.repeated_by(run)}")
    process, run = started(t, "reader")
    process.stderr.readline()
    process.stderr.close()  # | head -1
    process.stdout.read()
    code = process.wait(60)
    t.check(code == DONE, f"closed stderr: exit {code}")
    t.check(not ref.repeated_by(run), f"closed stderr: {ref.repeated_by(run)}")
    folder = t.sub("full")
    with open("/dev/full", "wb") as full:
        command = [CLI, "train", write_config(folder), "--quiet"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    t.check(done.returncode != DONE, "stdout on a full disk: exit 0")
    t.check(not ref.repeated_by(folder / "run"), "stdout on a full disk: the run is not whole")
    return t.result("3 signals, a closed pipe, a full stdout")


@case("F5", "Resuming a finished run")
def finished_again(t):
    """Nothing is logged twice and nothing changes."""
    ref = reference(t)
    run = ref.folder / "run"
    for _ in range(3):
        done = resume(run)
        t.check(done.returncode == DONE, f"exit {done.returncode}, {last_line(done)}")
        t.check(not ref.repeated_by(run), ref.repeated_by(run))
    return t.result("3 resumes")


@case("8", "Two trainers into one folder")
def two_trainers(t):
    """The second refuses (the lock); the first is unharmed."""
    ref = reference(t)
    process, run = started(t, "first")
    t.check(wait_for(lambda: lines_in(run) >= 3), "the run does not log")
    process.send_signal(signal.SIGSTOP)  # so that it cannot end before the others have tried
    for args in (["--resume", run], []):
        config = run.parent / "run.toml"
        second = train("train", config, "--quiet", *args, *sets(["run.steps=40"]))
        refused(t, "the second", second, 4, str(run))
    process.send_signal(signal.SIGCONT)
    process.communicate(timeout=60)
    t.check(process.returncode == DONE and not ref.repeated_by(run), "the first was disturbed")
    for errno in (38, 95, 37):  # ENOSYS, EOPNOTSUPP, ENOLCK
        folder = t.sub(f"errno{errno}")
        config = write_config(folder)
        done = train(
            "train", config, "--quiet", env=fault(ops="flock", n=1, errno=errno, every=True)
        )
        if done.returncode == DONE:
            t.check("lock" in done.stderr, f"errno {errno}: trains without a lock, says nothing")
        else:
            refused(t, f"flock errno {errno}", done, 4, "lock")
    return t.result("both ways refused; without flock one line")
