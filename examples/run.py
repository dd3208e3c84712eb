#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the Python examples: seconds, first and last loss, and how many lines steepest changes.

Usage: run.py [--quick] [PROGRAM...]; exit status 1 where a program fails, does not learn, or
differs from its original by more lines than allowed. Programs whose processes share weights run on
one process too, whose losses must be the same. A program whose packages are missing is skipped with
a line that says how to install them.
"""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
VARIANTS = ("original", "with_steepest", "with_momo")
LIMITS = {"with_steepest": 5, "with_momo": 6}  # lines changed
LEARNT = 0.85  # the last loss over the first, at most
TIMEOUT = 300  # seconds a program
# Of each folder: packages beside torch, and the steps of --quick.
PROGRAMS: dict[str, tuple[tuple[str, ...], int]] = {
    "nanogpt": ((), 40),
    "transformers_trainer": (("transformers", "accelerate"), 40),
    "accelerate": (("accelerate",), 80),
    "lightning": (("lightning",), 40),
    "timm_resnet": (("timm",), 25),
    "peft_lora": (("peft", "transformers"), 60),
    "fsdp2": (("transformers",), 10),
    "accelerate_fsdp2": (("accelerate",), 10),
    "parallelize": ((), 10),
}
PROCESSES = {"fsdp2": 2, "accelerate_fsdp2": 2, "parallelize": 4}  # that share the weights
# Relative, to the losses of one process: gradients are summed in another order, and directions of
# half precision make more of the last bits than float32 does.
ALIKE = 1e-3


def changed_lines(original: str, variant: str) -> int:
    """Lines added, replaced or removed between two texts; blank ones do not count."""
    old, new = ([x for x in text.splitlines() if x.strip()] for text in (original, variant))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    blocks = [op for op in matcher.get_opcodes() if op[0] != "equal"]
    return sum(max(i2 - i1, j2 - j1) for _, i1, i2, j1, j2 in blocks)


def diff_size(path: Path) -> int:
    """Lines by which a program differs from the original beside it."""
    return changed_lines((path.parent / "original.py").read_text(), path.read_text())


def files(folder: str) -> list[Path]:
    """The programs of a folder, the original first."""
    return [p for v in VARIANTS if (p := HERE / folder / f"{v}.py").exists()]


def missing(packages: tuple[str, ...]) -> list[str]:
    """Those that cannot be imported; the folders here have names of packages, but no origin."""
    specs = {name: importlib.util.find_spec(name) for name in packages}
    return [name for name, spec in specs.items() if spec is None or spec.origin is None]


def execute(
    path: Path, steps: int | None, processes: int = 0
) -> tuple[float, tuple[float, float] | None, str]:
    """Seconds, (first, last) loss or None where the program fails, and what it wrote to stderr.

    ``processes``: how many torchrun starts; 0: the program is started without it.
    """
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [sys.executable, *(torchrun if processes else []), str(path)]
    command += ["--steps", str(steps)] if steps else []
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if processes and sys.platform == "linux":  # whose name may belong to no device
        environment.setdefault("GLOO_SOCKET_IFNAME", "lo")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                env=environment,
                cwd=folder,
                timeout=TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return time.monotonic() - start, None, f"not done after {TIMEOUT} s"
    seconds = time.monotonic() - start
    found = re.search(r"^loss (\S+) -> (\S+)$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or found is None:
        return seconds, None, done.stderr.strip() or f"exit code {done.returncode}, no loss"
    return seconds, (float(found[1]), float(found[2])), done.stderr


def alike(path: Path, steps: int | None, losses: tuple[float, float]) -> bool:
    """Whether one process has these losses, too."""
    alone = execute(path, steps, 1)[1]
    return alone is not None and all(abs(a - b) <= ALIKE * b for a, b in zip(losses, alone))


def report(path: Path, steps: int | None) -> bool:
    """Runs one program and prints its line; False where something is wrong."""
    processes = PROCESSES.get(path.parent.name, 0)
    seconds, losses, errors = execute(path, steps, processes)
    lines, limit = diff_size(path), LIMITS.get(path.stem, 0)
    name = f"{path.parent.name}/{path.stem}"
    if losses is None:
        print(f"{name:<36} {seconds:5.1f} s  FAILED: {errors.splitlines()[-1]}", flush=True)
        return False
    learnt = losses[1] < LEARNT * losses[0]
    same = not processes or alike(path, steps, losses)
    words = [f"{lines} lines changed" if limit else "", "" if learnt else "DID NOT LEARN"]
    shared = "as one" if same else "DIFFER FROM ONE"
    words.append(f"{processes} processes {shared}" if processes else "")
    words.append(f"LIMIT {limit}" if lines > limit else "")
    result = f"loss {losses[0]:.4f} -> {losses[1]:.4f}"
    words = [f"{name:<36} {seconds:5.1f} s", result, *filter(None, words)]
    print("  ".join(words), flush=True)
    return learnt and same and lines <= limit


def run_folder(folder: str, quick: bool) -> bool:
    """All programs of a folder; True as well where its packages are missing."""
    packages, steps = PROGRAMS[folder]
    if lacking := missing(packages):
        names = " ".join(lacking)
        print(f"{folder:<36} skipped: {names} missing: pip install {names}", flush=True)
        return True
    return all([report(path, steps if quick else None) for path in files(folder)])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help=", ".join(PROGRAMS))
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    options = parser.parse_args()
    if unknown := [name for name in options.programs if name not in PROGRAMS]:
        parser.error(f"PROGRAM: received {unknown[0]}, allowed {', '.join(PROGRAMS)}")
    if lacking := missing(("torch", "steepest")):
        print(f"{lacking[0]} missing: pip install {'.' if lacking == ['steepest'] else 'torch .'}")
        return 1
    return 0 if all([run_folder(f, options.quick) for f in options.programs or PROGRAMS]) else 1


if __name__ == "__main__":
    sys.exit(main())
