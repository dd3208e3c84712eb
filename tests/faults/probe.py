# SPDX-License-Identifier: Apache-2.0
"""build/tests/faults_probe: the parsers and the checkpoints' checks, without a trainer around."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from kit import BUILD

PROBE = BUILD / "tests" / "faults_probe"
ASAN = BUILD / "tests" / "faults_probe_asan"


def _need(program: Path) -> None:
    if not program.exists():
        raise FileNotFoundError(f"{program}: cmake --build {BUILD} --target {program.name}")


class Verifier:
    """Loads checkpoints, one answer a folder: 'ok STEP' or what is wrong, in one line."""

    def __enter__(self) -> Verifier:
        _need(PROBE)
        self.process = subprocess.Popen(
            [PROBE, "verify"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __call__(self, folder: Path) -> str:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{folder}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        return answer.strip() or f"the reader died by {self.process.wait()}"

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def verified(folders: list[Path]) -> dict[Path, str]:
    with Verifier() as verify:
        return {folder: verify(folder) for folder in folders}


def replay(parser: str, files: list[Path], program: Path = PROBE) -> subprocess.CompletedProcess:
    """Every file through one parser; a line a file: seconds, MiB, what was said."""
    _need(program)
    return subprocess.run(
        [program, "replay", parser, *files],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "OMP_NUM_THREADS": "1"},
    )
