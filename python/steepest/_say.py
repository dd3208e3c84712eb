# SPDX-License-Identifier: Apache-2.0
"""Warnings that point at the caller's own line."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import torch

_INSIDE = tuple(str(Path(file).parent) + os.sep for file in (__file__, str(torch.__file__)))


def warn(message: str) -> None:
    """Warns, at the line of the first caller that is neither in this package nor in torch."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_INSIDE):
        level, frame = level + 1, frame.f_back
    warnings.warn(f"steepest: {message}", stacklevel=level)
