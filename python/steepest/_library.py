# SPDX-License-Identifier: Apache-2.0
"""Loads the C++ library, whose operators appear under ``torch.ops.steepest``."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import torch


def _installed() -> Path:
    """The folder ``steepest/lib`` that the build has installed, with a module of its own.

    It need not be beside this file: an editable install has the sources here and what was built
    elsewhere, and importing that module builds what has changed.
    """
    try:
        built = importlib.import_module("steepest.lib").__file__
    except ModuleNotFoundError:
        built = None
    return Path(built).parent if built else Path(__file__).parent / "lib"


def _series(version: str) -> str:
    """The version without its patch, such as "2.11": libraries of one series fit each other."""
    return ".".join(version.split(".")[:2])


def _built_for(folder: Path) -> str:
    """The torch series that the library in ``folder`` was built for; "" where it does not say."""
    note = folder / "torch_version.txt"
    return note.read_text().strip() if note.exists() else ""


def load() -> None:
    """Registers the operators of libsteepest_ops.so, in this package's folder ``lib``.

    Where the environment variable ``STEEPEST_LIBRARY`` has the path of a build tree's
    libsteepest.so, the libsteepest_ops.so beside that file is loaded instead. Raises ImportError
    where the library is missing or was built for another torch.
    """
    named = os.environ.get("STEEPEST_LIBRARY")
    folder = Path(named).parent if named else _installed()
    path = folder / "libsteepest_ops.so"
    if not path.exists():
        raise ImportError(
            f"steepest: no {path}: install the package (pip install --no-build-isolation .) or "
            "set STEEPEST_LIBRARY to a build tree's lib/libsteepest.so"
        )
    running, built = _series(torch.__version__), _built_for(folder)
    if built and built != running:
        raise ImportError(
            f"steepest: built for torch {built}, found torch {torch.__version__}: reinstall it "
            "with this torch (pip install --no-build-isolation --force-reinstall .)"
        )
    try:
        torch.ops.load_library(str(path))
    except OSError as error:
        raise ImportError(
            f"steepest: {path} does not load with torch {torch.__version__}: {error}"
        ) from error


load()
ops: Any = torch.ops.steepest
