# SPDX-License-Identifier: Apache-2.0
"""Starts the trainer that a wheel brings along, ``steepest/bin/steepest``.

It is a package beside ``steepest`` because importing that one loads torch, which takes seconds that
the trainer, a program in C++, has no use for.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

_ABSENT = (
    "steepest: this installation came without the trainer: take a published wheel, or run\n"
    "    pip install . --config-settings=cmake.define.STEEPEST_TRAINER=ON\n"
    "which needs the headers of CLI11 and toml++ (Debian: libcli11-dev libtomlplusplus-dev)"
)


def _folders(package: str) -> list[Path]:
    """The folders of a package, which is not imported; [] where it is not installed."""
    spec = importlib.util.find_spec(package)
    return [Path(folder) for folder in (spec and spec.submodule_search_locations) or []]


def main() -> None:
    """Replaces this process by the installed trainer, bin/steepest, with the same arguments.

    Exits with a message how to get it where there is none.
    """
    for folder in _folders("steepest"):
        program = folder / "bin" / "steepest"
        if program.exists():
            break
    else:
        sys.exit(_ABSENT)
    # It finds a torch beside it by itself; this is for one that is installed elsewhere.
    libraries = [str(folder / "lib") for folder in _folders("torch")]
    known = os.environ.get("LD_LIBRARY_PATH")
    os.environ["LD_LIBRARY_PATH"] = ":".join([*libraries, *([known] if known else [])])
    os.execv(program, [str(program), *sys.argv[1:]])
