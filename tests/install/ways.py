#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Installs the Python package in every documented way, and prints a table of what held.

Usage: ways.py [--fetch] [--only WORD]... [--out FOLDER]        (make test-install)

Everything happens in the folder, on a copy of the sources, and in environments that link to the
torch of the Python that runs this. Other versions of torch, and torch for other Pythons, are taken
from FOLDER/torches/torch-<version>-py<3.x>; with --fetch they are downloaded there (0.6 GB each).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from environments import Environment, Failed, Scratch, torch_version  # noqa: E402

OTHER_TORCHES = ("2.11.0",)  # the oldest that is supported
OTHER_PYTHONS = ("3.10", "3.11", "3.12", "3.13")
OLDEST = OTHER_PYTHONS[0]  # for which the newest torch is no longer built
MAX_CPU_SECONDS = 180
MAX_REFUSAL_SECONDS = 10  # of CPU: nothing is compiled
NOWHERE = "http://127.0.0.1:9/simple"  # an index that nothing can be downloaded from


@dataclass
class Way:
    """A row of the table: `run` returns what it saw, and raises Failed."""

    name: str
    run: Callable[[Scratch], str]


# -- refused before anything is fetched ------------------------------------------------------------


def refused(done, *words: str) -> str:
    """The one line that a refused installation must say."""
    text = " ".join((done.stdout + done.stderr).split())
    for word in words:
        if word not in text:
            raise Failed(f"did not say {word!r}: {text[-600:]}")
    if done.returncode == 0:
        raise Failed("was not refused")
    if done.cpu_seconds > MAX_REFUSAL_SECONDS:
        raise Failed(f"took {done.cpu_seconds:.0f} s of CPU to refuse")
    return f"refused: {words[0]}, after {done.cpu_seconds:.1f} s of CPU"


def without_torch_pip(s: Scratch) -> str:
    env = Environment(s, "no-torch", torch=None)
    done = env.pip("install", "--index-url", NOWHERE, "--retries", "0", s.source)
    return refused(done, "found no torch", "first run: pip install torch")


def without_torch_uv(s: Scratch) -> str:
    env = Environment(s, "no-torch-uv", torch=None)
    done = env.uv("install", "--offline", s.source)
    return refused(done, "found no torch", "first run: pip install torch")


def old_torch(s: Scratch) -> str:
    env = Environment(s, "old-torch", torch=None)
    folder = env.packages / "torch"
    folder.mkdir()
    folder.joinpath("__init__.py").write_text("")
    folder.joinpath("version.py").write_text("__version__ = '2.10.1+cpu'\n")
    done = env.pip("install", "--index-url", NOWHERE, "--retries", "0", s.source)
    return refused(done, "found torch 2.10.1+cpu", 'pip install "torch>=2.11"')


def without_compiler(s: Scratch) -> str:
    env = Environment(s, "no-compiler")
    done = env.pip(
        "install", "--index-url", NOWHERE, "--retries", "0", s.source, PATH=str(env.folder / "bin")
    )
    return refused(done, "found no C++ compiler", "install g++ 12 or newer")


# -- from the sources ------------------------------------------------------------------------------


def wheel(s: Scratch) -> str:
    env = Environment(s, "builds")
    done = env.pip("wheel", "--no-deps", "-w", s.wheels, s.source, CCACHE_DISABLE="1").checked()
    if done.cpu_seconds > MAX_CPU_SECONDS:
        raise Failed(f"took {done.cpu_seconds:.0f} s of CPU, allowed {MAX_CPU_SECONDS}")
    return f"{done.cpu_seconds:.0f} s of CPU without ccache, {s.wheel().stat().st_size >> 10} KiB"


def pip_install(s: Scratch) -> str:
    env = Environment(s, "pip")
    env.pip("install", s.source).checked()
    return env.use()


def pip_without_isolation(s: Scratch) -> str:
    env = Environment(s, "pip-no-isolation")
    refused(env.pip("install", "--no-build-isolation", s.source), "pip install 'scikit-build-core")
    env.pip("install", "scikit-build-core", "nlohmann-json").checked()
    env.pip("install", "--no-build-isolation", s.source).checked()
    return env.use()


def uv_install(s: Scratch) -> str:
    env = Environment(s, "uv")
    env.uv("install", s.source).checked()
    return env.use()


def editable(s: Scratch) -> str:
    env = Environment(s, "editable")
    env.pip("install", "-e", s.source).checked()
    seen = env.use()
    # A changed Python file is there at once, a changed C++ file is built by the next import.
    python = s.source / "python" / "steepest" / "_probe.py"
    python.write_text("ANSWER = 41\n")
    cpp = s.source / "steepest" / "bindings" / "torch_probe.cpp"
    cpp.write_text(
        "#include <torch/library.h>\n"
        "TORCH_LIBRARY_FRAGMENT(steepest, m) {\n"
        '  m.def("probe() -> int", [] { return int64_t{42}; });\n}\n'
    )
    program = (
        "import steepest, torch; from steepest._probe import ANSWER; "
        "assert ANSWER == 41 and torch.ops.steepest.probe() == 42"
    )
    try:
        started = time.monotonic()
        env.python("-c", program).checked()
    finally:
        python.unlink()
        cpp.unlink()
    return f"{seen}; rebuilt in {time.monotonic() - started:.0f} s"


def with_plot(s: Scratch) -> str:
    env = Environment(s, "plot")
    env.pip("install", f"steepest[plot] @ {s.wheel().as_uri()}").checked()
    env.python("-m", "steepest.plot", "--help").checked()
    done = env.command("steepest", "--version")
    if "this installation came without the trainer" not in done.stderr:
        raise Failed(f"the command said {done.stderr!r}")
    return env.use() + ", steepest.plot"


# -- the same wheel under other Pythons, and other versions of torch -------------------------------


def under_python(version: str) -> Callable[[Scratch], str]:
    def run(s: Scratch) -> str:
        env = Environment(s, f"py{version}", python=version, torch=s.torch_for(s.version, version))
        env.pip("install", "--no-deps", "--no-index", s.wheel()).checked()
        return env.use()

    return run


def with_torch(version: str) -> Callable[[Scratch], str]:
    def run(s: Scratch) -> str:
        env = Environment(s, f"torch{version}", torch=s.torch_for(version, s.python))
        refused_by_import(env, s)
        env.pip("wheel", "--no-deps", "-w", s.wheels / version, s.source).checked()
        env.pip("install", "--no-deps", "--force-reinstall", s.wheel(version)).checked()
        return env.use()

    return run


def with_torch_under_python(version: str, python: str) -> Callable[[Scratch], str]:
    def run(s: Scratch) -> str:
        name, torch = f"torch{version}-py{python}", s.torch_for(version, python)
        env = Environment(s, name, python=python, torch=torch)
        env.pip("install", "--no-deps", "--no-index", s.wheel(version)).checked()
        return env.use()

    return run


def refused_by_import(env: Environment, s: Scratch) -> None:
    """A wheel for another torch says so when it is imported."""
    env.pip("install", "--no-deps", "--no-index", s.wheel()).checked()
    done = env.python("-c", "import steepest")
    if done.returncode == 0 or f"built for torch {s.version.rpartition('.')[0]}" not in done.stderr:
        raise Failed(f"the wheel of another torch: {done.stderr[-300:]}")


def ways() -> Iterator[Way]:
    yield Way("pip, no torch", without_torch_pip)
    yield Way("uv, no torch", without_torch_uv)
    yield Way("pip, torch too old", old_torch)
    yield Way("pip, no compiler", without_compiler)
    yield Way("pip wheel .", wheel)
    yield Way("pip install .", pip_install)
    yield Way("pip, no isolation", pip_without_isolation)
    yield Way("uv pip install .", uv_install)
    yield Way("pip install -e .", editable)
    yield Way("steepest[plot], wheel", with_plot)
    for version in OTHER_PYTHONS:
        yield Way(f"wheel, Python {version}", under_python(version))
    for version in OTHER_TORCHES:
        yield Way(f"pip, torch {version}", with_torch(version))
        yield Way(f"its wheel, Python {OLDEST}", with_torch_under_python(version, OLDEST))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--fetch", action="store_true", help="download the torches that are missing"
    )
    parser.add_argument("--only", action="append", help="the ways whose name has this word")
    parser.add_argument("--out", type=Path, default=Path("build/install-ways"))
    options = parser.parse_args()
    scratch = Scratch(options.out.resolve(), fetch=options.fetch)
    print(f"torch {torch_version()}, Python {scratch.python}, in {options.out}\n")
    print(f"| {'way':22} | {'':7} | {'s':>5} | what was seen |\n|{'-' * 24}|---------|------:|---|")
    failed = 0
    for way in ways():
        if options.only and not any(word in way.name for word in options.only):
            continue
        started = time.monotonic()
        try:
            seen, verdict = way.run(scratch), "holds"
        except Failed as error:
            seen, verdict = str(error), "skipped" if error.skipped else "FAILED"
            failed += not error.skipped
        seconds = time.monotonic() - started
        print(f"| {way.name:22} | {verdict:7} | {seconds:5.0f} | {seen} |", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
