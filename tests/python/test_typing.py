# SPDX-License-Identifier: Apache-2.0
"""What a type checker says of a user's programs: nothing where they are right."""

import importlib.util
import json
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
# What basedpyright reads: all rules that an editor has by default for the user's program; for the
# examples, whose libraries may be missing and leave most of their own types out, the standard ones.
PYRIGHT = {
    "pythonVersion": "3.10",
    "reportMissingImports": False,
    "enableTypeIgnoreComments": False,
}
needs_mypy = pytest.mark.skipif(shutil.which("mypy") is None, reason="mypy is not installed")

needs_basedpyright = pytest.mark.skipif(
    shutil.which("basedpyright") is None, reason="basedpyright is not installed"
)


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


def basedpyright(folder, mode, *files):
    """What basedpyright says of the files: the lines and rules of all errors and warnings."""
    settings = {
        **PYRIGHT,
        "include": [str(file) for file in files],
        "extraPaths": [str(TREE / "python"), str(TREE / "examples" / "nanogpt"), str(TREE)],
        "typeCheckingMode": mode,
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = ["basedpyright", "-p", folder, "--pythonpath", sys.executable, "--outputjson"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(Path(d["file"]).name, d["range"]["start"]["line"] + 1, d["message"]) for d in found]


@needs_basedpyright
def test_basedpyright_finds_nothing_in_a_users_program(tmp_path):
    assert basedpyright(tmp_path, "recommended", PROGRAMS / "user_program.py") == []


@needs_basedpyright
def test_basedpyright_finds_nothing_in_the_examples(tmp_path):
    assert basedpyright(tmp_path, "standard", *EXAMPLES) == []


@needs_basedpyright
def test_basedpyright_finds_every_wrong_call(tmp_path):
    program = PROGRAMS / "refused_program.py"
    lines = program.read_text().splitlines()
    wrong = {number for number, line in enumerate(lines, 1) if "type: ignore" in line}
    assert {line for _, line, _ in basedpyright(tmp_path, "standard", program)} == wrong


def test_the_users_program_runs(capsys):
    spec = importlib.util.spec_from_file_location("user_program", PROGRAMS / "user_program.py")
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    program.main()
    assert "Triplets" in capsys.readouterr().out
