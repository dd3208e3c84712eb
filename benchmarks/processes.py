# SPDX-License-Identifier: Apache-2.0
"""What other processes see and do: memory at its peak, a core taken away."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys

import torch
from goals import Row
from steps import CONTENDERS, Problem, gpt2_small
from timing import milliseconds


def _spin(core: int) -> None:
    os.sched_setaffinity(0, {core})
    while True:
        pass


def _slowdown(name: str, rounds: int) -> tuple[float, list[float]]:
    """How many times as long a step takes while another process spins on one core."""
    from timing import interleaved

    problem = Problem(gpt2_small(1), CONTENDERS[name])
    free = interleaved({name: problem.step}, rounds)[name]
    core = max(os.sched_getaffinity(0))
    other = multiprocessing.get_context("fork").Process(target=_spin, args=(core,), daemon=True)
    other.start()
    try:
        busy = interleaved({name: problem.step}, rounds)[name]
    finally:
        other.kill()
        other.join()
    return milliseconds(busy) / milliseconds(free), busy


def busy_rows(quick: bool) -> list[Row]:
    """P15."""
    if not hasattr(os, "sched_setaffinity") or torch.get_num_threads() != 2:
        return [Row("P15", "GPT-2 small, 1 layer", missing="asks for two cores and for Linux")]
    rows = []
    for name, wanted in (("Muon", ("<=", 2.2)), ("torch Muon", None)):
        ratio, busy = _slowdown(name, 2 if quick or name == "torch Muon" else 7)
        what = f"{name}, GPT-2 small, 1 layer"
        rows.append(Row("P15", what, "both cores free", milliseconds(busy), ratio, wanted))
    return rows


def _status(field: str) -> float:
    """Of this process, in MB."""
    for line in open("/proc/self/status"):
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return 0.0


def peak(name: str) -> float:
    """MB above parameters, gradients and state that the process reaches in its second step.

    Before the first one the allocator's free pages are given back: what a step keeps for the next
    counts.
    """
    import ctypes

    problem = Problem(gpt2_small(2), CONTENDERS[name])
    tiny = Problem([(64, 64), (128, 64), (64, 128)] * 4, CONTENDERS[name])
    tiny.step()  # pages of libraries, and threads
    tiny.step()
    ctypes.CDLL(None).malloc_trim(0)
    before = _status("VmRSS")
    problem.step()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the peak so far
    problem.step()
    tensors = [t for state in problem.optimizer.state.values() for t in state.values()]
    state = sum(t.numel() * t.element_size() for t in tensors if torch.is_tensor(t)) / 2**20
    return _status("VmHWM") - before - state


def memory_rows(_: bool) -> list[Row]:
    """P16. In a process each."""
    if not os.path.exists("/proc/self/clear_refs"):
        return [Row("P16", "GPT-2 small, 2 layers", missing="asks for Linux")]
    found = {}
    for name in ("torch Muon", "Muon", "stale duals", "fresh duals"):
        command = [sys.executable, __file__, name]
        # What is freed goes back at once: the peak is what is alive, not what the allocator hoards.
        hoard = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
        run = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, **hoard}
        )
        found[name] = json.loads(run.stdout)
    largest = 3072 * 768 * 4 / 2**20
    rows = []
    for name in ("Muon", "stale duals", "fresh duals", "torch Muon"):
        what = f"{name}, GPT-2 small, 2 layers"
        limit = (
            None if name in ("fresh duals", "torch Muon") else ("<=", round(found["torch Muon"], 1))
        )
        against = f"torch Muon's; the largest matrix has {largest:.1f} MB"
        rows.append(Row("P16", what, against, None, found[name], limit, unit=" MB"))
    return rows


def rows(quick: bool) -> list[Row]:
    return busy_rows(quick) + memory_rows(quick)


if __name__ == "__main__":
    print(json.dumps(peak(sys.argv[1])))
