# SPDX-License-Identifier: Apache-2.0
"""What the cases share: how they are written down, the trainer, and ways to provoke faults."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = Path(os.environ.get("STEEPEST_BUILD", ROOT / "build"))
os.environ.setdefault("STEEPEST_CLI", str(BUILD / "bin" / "steepest"))
os.environ.setdefault("STEEPEST_TOOLS", str(BUILD / "tests"))
os.environ.setdefault("STEEPEST_LIBRARY", str(BUILD / "lib" / "libsteepest.so"))
sys.path[:0] = [str(ROOT / "tests" / "python"), str(ROOT / "python")]

from trainer import CLI, losses, start, weights, write_config  # noqa: E402, F401 (tests/python)

DONE, USAGE, DATA, CHECKPOINT, NUMERIC = 0, 2, 3, 4, 5  # trainer/exit_code.h


# -- cases -----------------------------------------------------------------------------------------


@dataclass
class Trial:
    """One case while it runs: its folder, its length, and what was found."""

    folder: Path
    long: bool = False
    checks: int = 0
    broken: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def check(self, good: object, what: str) -> bool:
        self.checks += 1
        if not good:
            self.broken.append(what)
        return bool(good)

    def note(self, text: str) -> None:
        self.remarks.append(text)

    def result(self, summary: str = "") -> tuple[bool, str]:
        """(held, evidence)."""
        parts = [p for p in (summary or f"{self.checks} checks", *self.remarks) if p.strip()]
        if self.broken:
            shown = "; ".join(self.broken[:4])
            parts.append(f"BROKEN {len(self.broken)} of {self.checks}: {shown}")
        return not self.broken, "; ".join(parts)

    def sub(self, name: str) -> Path:
        """A fresh folder of this case."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path


@dataclass(frozen=True)
class Case:
    number: str
    title: str
    promise: str  # the function's docstring
    run: Callable[[Trial], tuple[bool, str]]
    heavy: bool


CASES: dict[str, Case] = {}


def case(number: str, title: str, heavy: bool = False):
    """Registers the function; heavy ones start first."""

    def register(function):
        promise = " ".join((function.__doc__ or "").split())
        CASES[number] = Case(number, title, promise, function, heavy)
        return function

    return register


# Of write_config: a schedule under which a run may be made longer.
CONSTANT = {"schedule": ('kind = "constant_linear"', 'kind = "constant"')}


# -- the trainer -----------------------------------------------------------------------------------


def train(*args, env=None, timeout=120, **options) -> subprocess.CompletedProcess:
    """`steepest ARGS`; a program that hangs has the code 'hangs'."""
    command = [str(CLI), *map(str, args)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **(env or {})}
    options = {"stdin": subprocess.DEVNULL, **options}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, **options
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout)
            code: int | str = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            code = "hangs"
    text = lambda data: data.decode("utf-8", "surrogateescape")  # noqa: E731
    return subprocess.CompletedProcess(command, code, text(out), text(err))  # type: ignore[arg-type]


def resume(run: Path, *settings: str, **options) -> subprocess.CompletedProcess:
    return train("train", "--quiet", "--resume", run, *sets(settings), **options)


def sets(settings) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def last_line(done: subprocess.CompletedProcess) -> str:
    lines = done.stderr.strip().splitlines()
    return printable(lines[-1] if lines else "")


def printable(text: str, length: int = 150) -> str:
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
    return text if len(text) <= length else text[: length - 2] + ".."


def refused(
    t: Trial, what: str, done, code: int | tuple[int, ...], *words: str | tuple[str, ...]
) -> bool:
    """It ended with the code and one line that has all the words (of a tuple, one of them)."""
    codes = code if isinstance(code, tuple) else (code,)
    lines = done.stderr.strip().splitlines()
    line = lines[-1] if lines else ""
    good = (
        done.returncode in codes
        and sum(each.startswith("steepest:") for each in lines) == 1
        and line.startswith("steepest:")
        and all(has(line, (word,) if isinstance(word, str) else word) for word in words)
        and "terminate called" not in done.stderr
    )
    return t.check(good, f"{what}: exit {done.returncode}, {printable(line) or 'nothing said'}")


def has(line: str, words: tuple[str, ...]) -> bool:
    return any(word.lower() in line.lower() for word in words)


def steps_of(run: Path) -> list[int]:
    """Of the run's checkpoints that have a manifest."""
    return sorted(int(p.parent.name[5:]) for p in run.glob("ckpt-*/manifest.json"))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.002)
    return False


def lines_in(run: Path) -> int:
    log = run / "metrics.jsonl"
    return log.read_bytes().count(b"\n") if log.is_file() else 0


@dataclass
class Reference:
    """An uninterrupted run, and how long it took."""

    folder: Path
    losses: list
    weights: bytes
    seconds: float

    def repeated_by(self, run: Path) -> str:
        """'' when the run ended with the same bits, else what differs."""
        if not list(run.glob("ckpt-*")) or not (run / "metrics.jsonl").exists():
            return "no checkpoint"
        found = losses(run)
        if found != self.losses:
            same = sum(a == b for a, b in zip(found, self.losses))
            return f"metrics differ from line {same + 1} on ({len(found)}, {len(self.losses)})"
        return "" if weights(run) == self.weights else "weights differ"


def reference(t: Trial, *settings: str, name: str = "reference", **changes) -> Reference:
    folder = t.sub(name)
    config = write_config(folder, **changes)
    begin = time.monotonic()
    done = train("train", config, "--quiet", *sets(settings))
    if done.returncode != DONE:
        raise RuntimeError(f"the reference run failed: {done.stderr}")
    run = folder / "run"
    return Reference(folder, losses(run), weights(run), time.monotonic() - begin)


# -- faults ----------------------------------------------------------------------------------------


@cache
def shim() -> str:
    """preload.c, compiled once a process into the temporary folder of the runner."""
    folder = Path(os.environ.get("STEEPEST_FAULTS_TMP", "/tmp"))
    library = folder / "preload.so"
    if not library.exists():
        fresh = folder / f"preload-{os.getpid()}.so"
        command = ["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", str(fresh)]
        subprocess.run([*command, str(HERE / "preload.c"), "-ldl"], check=True)
        fresh.rename(library)
    return str(library)


def fault(path="", n=0, ops="", errno=None, every=False, count=None, pid=None) -> dict[str, str]:
    """The environment in which file operations fail; see preload.c."""
    given = {
        "LD_PRELOAD": shim(),
        "FAULT_PATH": path,
        "FAULT_N": n,
        "FAULT_OPS": f",{ops}," if ops else "",
        "FAULT_ERRNO": errno,
        "FAULT_ALL": 1 if every else "",
        "FAULT_COUNT": count,
        "FAULT_PID": pid,
    }
    return {key: str(value) for key, value in given.items() if value not in (None, "")}


@cache
def may(*unshare: str) -> bool:
    """Are such namespaces allowed here?"""
    command = ["unshare", *unshare, "true"]
    return bool(shutil.which("unshare")) and (
        subprocess.run(command, capture_output=True, check=False).returncode == 0
    )


def in_container(arguments: list, env: dict[str, str]) -> tuple[int, str]:
    """As the first process of a container: always the same process number. (code, stderr)."""
    command = [str(CLI), *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", **env}
    if may("-pf"):
        command = ["unshare", "-pf", "--kill-child", "bash", "-c", '"$@"; exit $?', "x", *command]
    else:
        env = {"LD_PRELOAD": shim(), "FAULT_PID": "2", **env}
    done = subprocess.run(command, env=env, capture_output=True, timeout=120, check=False)
    return done.returncode, done.stderr.decode(errors="replace")


def spread(count: int, wanted: int) -> list[int]:
    """`wanted` numbers of 1..count, the first and the last among them."""
    if count <= wanted:
        return list(range(1, count + 1))
    return sorted({1 + round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def lines_of_json(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below and what it holds: to see that nothing has changed."""
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink())
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}
