# SPDX-License-Identifier: Apache-2.0
"""What a type checker says of a user's programs: nothing where they are right."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
PROGRAMS = TREE / "tests" / "python" / "typing"
EXAMPLES = [TREE / "examples" / "run.py", *sorted((TREE / "examples").glob("*/*.py"))]
# As for a user who has installed the package: without the tree's own settings and errors.
STRICT = ("mypy", "--strict", "--config-file=", "--follow-imports=silent")
# The examples' libraries may be missing; torch leaves Tensor.backward and the call of a module
# without types.
FOREIGN = (
    *("--ignore-missing-imports", "--allow-subclassing-any", "--allow-untyped-decorators"),
    *("--untyped-calls-exclude=torch", "--no-warn-return-any"),
)
needs_mypy = pytest.mark.skipif(shutil.which("mypy") is None, reason="mypy is not installed")


def mypy(cache, *arguments, path=()):
    """The exit status and the report of mypy --strict on files, for the Python that runs this."""
    command = [*STRICT, "--cache-dir", str(cache), "--python-executable", sys.executable]
    environment = {
        **os.environ,
        "MYPYPATH": os.pathsep.join(map(str, (TREE / "python", *path))),
    }
    done = subprocess.run(
        [*command, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=TREE,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("mypy")


@needs_mypy
def test_a_users_program_is_clean_and_wrong_calls_are_not(cache):
    status, report = mypy(cache, *sorted(PROGRAMS.glob("*.py")))
    assert status == 0, report


@needs_mypy
def test_the_examples_are_clean(cache):
    nanogpt = TREE / "examples" / "nanogpt"  # which has a module of its own
    path = (nanogpt, TREE)
    status, report = mypy(cache, *FOREIGN, "--explicit-package-bases", *EXAMPLES, path=path)
    assert status == 0, report


def test_the_users_program_runs(capsys):
    spec = importlib.util.spec_from_file_location("user_program", PROGRAMS / "user_program.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.main()
    assert "Triplets" in capsys.readouterr().out
