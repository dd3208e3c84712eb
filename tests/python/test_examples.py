# SPDX-License-Identifier: Apache-2.0
"""The Python examples: how short their diffs are; and those that need no more than is here, run."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
spec = importlib.util.spec_from_file_location("examples_run", EXAMPLES / "run.py")
run = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run)


def test_changed_lines():
    assert run.changed_lines("a\nb\n", "a\nb\n") == 0
    assert run.changed_lines("a\nb\nc\n", "a\nx\ny\n\nc\n") == 2  # one replaced, one added
    assert run.changed_lines("a\nb\nc\n", "c\n") == 2


def test_every_folder_is_run():
    folders = {path.parent.name for path in EXAMPLES.glob("*/original.py")}
    assert folders == set(run.PROGRAMS)


@pytest.mark.parametrize("folder", run.PROGRAMS)
def test_diffs_are_short(folder):
    original, *variants = run.files(folder)
    assert original.stem == "original" and variants[0].stem == "with_steepest"
    for path in variants:
        assert 0 < run.diff_size(path) <= run.LIMITS[path.stem], path
        assert "import steepest" in path.read_text()


def nanogpt(program, *arguments):
    """(first, last) loss."""
    command = [sys.executable, EXAMPLES / "nanogpt" / f"{program}.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = re.search(r"^loss (\S+) -> (\S+)$", done.stdout, re.MULTILINE)
    return float(found[1]), float(found[2])


def test_nanogpt_learns():
    first, last = nanogpt("with_steepest", "--steps", 12)
    assert last < 0.9 * first


def test_nanogpt_with_momo_resumes(tmp_path):
    first, last = nanogpt("with_momo", "--steps", 12, "--out", tmp_path)
    assert last < 0.9 * first
    again, later = nanogpt("with_momo", "--steps", 20, "--out", tmp_path, "--resume")
    assert again == pytest.approx(first, abs=1e-4) and later < last


@pytest.mark.parametrize("folder", run.PROCESSES)
def test_processes_have_the_losses_of_one(folder):
    packages, _ = run.PROGRAMS[folder]
    if lacking := run.missing(packages):
        pytest.skip(f"needs {', '.join(lacking)}: pip install -r examples/requirements.txt")
    program = EXAMPLES / folder / "with_momo.py"
    _, losses, errors = run.execute(program, 5, run.PROCESSES[folder])
    assert losses is not None, errors
    assert losses[1] < losses[0] and run.alike(program, 5, losses)


def test_losses_are_alike_within_the_tolerance(monkeypatch):
    monkeypatch.setattr(run, "execute", lambda *_: (1.0, (5.0, 4.0), ""))
    assert run.alike(Path("any"), 1, (5.0, 4.0 * (1 + 0.9 * run.ALIKE)))
    assert not run.alike(Path("any"), 1, (5.0, 4.0 * (1 + 1.1 * run.ALIKE)))
    monkeypatch.setattr(run, "execute", lambda *_: (1.0, None, "failed"))
    assert not run.alike(Path("any"), 1, (5.0, 4.0))


def test_the_diff_of_fsdp2_is_of_three_lines():
    for program in ("with_steepest", "with_momo"):
        assert run.diff_size(EXAMPLES / "fsdp2" / f"{program}.py") <= 3


def test_missing_packages_are_named(capsys, monkeypatch):
    monkeypatch.setitem(run.PROGRAMS, "lightning", (("no_such_package", "torch"), 1))
    assert run.run_folder("lightning", quick=True)
    assert "pip install no_such_package\n" in capsys.readouterr().out
