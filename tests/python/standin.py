# SPDX-License-Identifier: Apache-2.0
"""The stand-in device of tests/standin: an accelerator's branches without an accelerator."""

from __future__ import annotations

import os
import types
from collections.abc import Callable

import torch


def load() -> torch.device:
    """Registers the device with torch, once a process, and returns it."""
    if not hasattr(torch, "standin"):
        torch.ops.load_library(os.environ["STEEPEST_TOOLS"] + "/libsteepest_standin.so")
        module = types.ModuleType("torch.standin")
        module._is_in_bad_fork = lambda: False  # type: ignore[attr-defined]
        module._lazy_init = lambda: None  # type: ignore[attr-defined]
        module.is_initialized = lambda: True  # type: ignore[attr-defined]
        module.is_available = lambda: True  # type: ignore[attr-defined]
        module.manual_seed_all = lambda seed: None  # type: ignore[attr-defined]
        module.device_count = lambda: 2  # type: ignore[attr-defined]
        module.current_device = lambda: 0  # type: ignore[attr-defined]
        torch._register_device_module("standin", module)
    return torch.device("standin:0")


def counted(action: Callable[[], object]) -> dict[str, int]:
    """What ``action`` asks of the device: launches, host_reads, uploads, allocations.

    The launches of an operator stand under "launch aten::bmm".
    """
    torch.ops.standin_counts.reset()
    action()
    counts: dict[str, int] = torch.ops.standin_counts.now()
    return {name: counts.get(name, 0) for name in (*KINDS, *counts)}


KINDS = ("launch", "host_read", "upload", "allocation")
