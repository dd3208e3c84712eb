# SPDX-License-Identifier: Apache-2.0
"""Blocks of README and docs run alone; sentences are short; Sphinx builds the site.

A Python block that cannot run here is marked ```python no-run, and NOT_RUN says why.
"""

import ast
import importlib.util
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import sysconfig
import traceback
from pathlib import Path

import pytest
import torch

import steepest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# A text of the block, and what it needs that this test has not.
OTHERS = "the program of another package, which is shown for comparison"
NOT_RUN = {
    "SingleDeviceMuonWithAuxAdam(groups)": OTHERS,
    "dion.Muon(": OTHERS,
    "Scion(\n": OTHERS,
    "MomoAdam(": OTHERS,
    "torch.cuda.CUDAGraph()": "a GPU",
    "accelerator.prepare": "other packages, whose programs `make examples` runs",
}


def blocks(page: Path, language: str) -> list[tuple[str, str, int]]:
    """(info, code, first line) of each block of a page in a language."""
    text = page.read_text(encoding="utf-8")
    found = [m for m in FENCE.finditer(text) if m[1] == language]
    return [(m[2].strip(), m[3], text.count("\n", 0, m.start()) + 2) for m in found]


PYTHON = [
    pytest.param(page, info, code, line, id=f"{page.stem}:{line}")
    for page in PAGES
    for info, code, line in blocks(page, "python")
]


# -- Python ----------------------------------------------------------------------------------------


def run_alone(code: str, title: str, folder: Path) -> str:
    """What goes wrong when the code runs as a program of its own in ``folder``; "" for nothing.

    The process is a fork of this one, which has loaded torch: its names are its own, and what the
    block leaves behind ends with it.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        trouble = ""
        try:
            os.chdir(folder)
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
            torch.set_num_threads(1)
            sys.stdout = sys.stderr = io.StringIO()
            exec(compile(code, title, "exec"), {"__name__": "__main__"})
        except BaseException:
            trouble = traceback.format_exc()
        os.write(writing, trouble.encode())
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        trouble = pipe.read().decode()
    _, status = os.waitpid(child, 0)
    return trouble or ("" if status == 0 else f"ended with status {status}")


@pytest.mark.parametrize(("page", "info", "code", "line"), PYTHON)
def test_a_python_block_runs_alone(page, info, code, line, tmp_path):
    ast.parse(code, filename=str(page))
    reasons = [reason for text, reason in NOT_RUN.items() if text in code]
    assert (info, len(reasons)) in (("", 0), ("no-run", 1)), f"{page.name}:{line}: {info}"
    if not info:
        assert run_alone("\n" * (line - 1) + code, str(page), tmp_path) == ""


# -- run files -------------------------------------------------------------------------------------


@pytest.mark.skipif("STEEPEST_CLI" not in os.environ, reason="there is no trainer")
def test_run_files_train(tmp_path):
    files = [code for page in PAGES for _, code, _ in blocks(page, "toml")]
    assert files
    for text in files:
        is_sweep = text.startswith("base = ")  # of the run file before it
        if text.startswith("[record]"):  # a part of it
            text = (tmp_path / "run.toml").read_text().replace("/first", "/recorded") + text
        (tmp_path / ("sweep.toml" if is_sweep else "run.toml")).write_text(text)
        command = [os.environ["STEEPEST_CLI"], "train", "run.toml", "--set", "run.threads=1"]
        if is_sweep:
            command = [os.environ["STEEPEST_CLI"], "sweep", "sweep.toml", "--dry-run"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr


# -- C++ -------------------------------------------------------------------------------------------

INCLUDE = re.compile(r"^#include .*$", re.MULTILINE)


@pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler")
def test_cpp_blocks_compile(tmp_path):
    """All in one file, as reading torch's headers is what takes the time."""
    programs = [code for page in PAGES for _, code, _ in blocks(page, "cpp") if "int main" in code]
    assert len(programs) >= 3
    includes = sorted({line for code in programs for line in INCLUDE.findall(code)})
    bodies = [
        INCLUDE.sub("", code).replace("int main", f"int main_{n}")
        for n, code in enumerate(programs)
    ]
    source = tmp_path / "blocks.cpp"
    source.write_text("\n".join([*includes, *bodies]))
    torch_include = Path(torch.__file__).parent / "include"
    folders = [
        torch_include,
        torch_include / "torch/csrc/api/include",
        sysconfig.get_path("include"),
    ]
    command = [
        "c++",
        "-std=c++20",
        "-fsyntax-only",
        f"-I{ROOT}",
        *(f"-isystem{f}" for f in folders),
    ]
    done = subprocess.run([*command, source], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr[:4000]


# -- words and numbers -----------------------------------------------------------------------------

ENDS = re.compile(r"(?<=[.!?])[)\"*_]*\s+(?=[\"*_`(\[$]*[A-Z0-9`$])")


def sentences(text: str) -> list[list[str]]:
    """The words of each sentence in paragraphs and lists, without code, tables and headings."""
    text = FENCE.sub("\n\n", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    text = re.sub(r"\$\$.*?\$\$", "x", text, flags=re.DOTALL)
    text = re.sub(r"`[^`]*`|\$[^$]*\$", "x", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    lines = [
        "\n" if re.match(r"\s*(\||#| {4}\S|<!--)", line) else line for line in text.splitlines()
    ]
    text = "\n".join(re.sub(r"^\s*([-*]|\d+\.)\s+", "\n\n", line) for line in lines)
    found = [s for part in re.split(r"\n\s*\n", text) for s in ENDS.split(" ".join(part.split()))]
    return [words for words in map(str.split, found) if len(words) > 1]


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md"], ids=lambda page: page.stem)
def test_the_median_sentence_has_18_words_at_most(page):
    lengths = [len(words) for words in sentences(page.read_text(encoding="utf-8"))]
    assert not lengths or statistics.median(lengths) <= 18, sorted(lengths)


def test_the_readme_has_120_lines_at_most():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 120


def test_the_demos_losses_are_those_of_the_recorded_sweep():
    """AdamW 1.674, Muon 1.474, Muon-Momo 1.473, NorMuon 1.447, wherever they are told."""
    sweep = json.loads((ROOT / "experiments/demo/sweep.json").read_text())
    curves = [*sweep["curves"].values(), *sweep["also_tried"].values()]
    best = {f"{min(t['val_loss'] for t in trials if t['val_loss']):.3f}" for trials in curves}
    for page in [*PAGES, ROOT / "experiments/demo/README.md"]:
        for line in page.read_text(encoding="utf-8").splitlines():
            told = set(re.findall(r"\b1\.[4-7]\d\d\b", line))
            assert told <= best, f"{page.name}: {line}"


def test_the_pictures_numbers_agree_with_their_formulas():
    program = [sys.executable, DOCS / "pictures.py", "--check"]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_every_picture_has_words_for_those_who_do_not_see_it():
    for page in PAGES:
        for words, file in re.findall(
            r"!\[([^\]]*)\]\(([^)]*)\)", page.read_text(encoding="utf-8")
        ):
            assert len(words.split()) >= 8 and (page.parent / file).exists(), f"{page.name}: {file}"


def test_every_row_is_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [name for name in steepest.catalog.CLASSES if f"`{name}" not in text]
    assert not rows


def test_every_row_has_its_use_and_no_other():
    """The page "which optimizer" shows them."""
    text = (DOCS / "uses.toml").read_text(encoding="utf-8")
    found = re.findall(r'^([\w-]+) = ".{10,}"$', text, re.MULTILINE)
    assert sorted(found) == sorted(steepest.catalog.CLASSES)


def test_the_guide_gives_each_advice_with_what_carries_it(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    guide = importlib.import_module("guide")
    known = guide.contrasts()
    lines = guide.table().splitlines()[2:]
    assert len(lines) == len(guide.advices()) > 10
    for row, line in zip(guide.advices(), lines):
        assert row["setting"] and row["advice"].endswith(".")
        for name in row["contrasts"]:
            assert known[name].get("verdict", "not tested") in line, name
        assert row["contrasts"] or row.get("else") or line.endswith("| untested |")


# -- the site --------------------------------------------------------------------------------------

NEEDED = ("sphinx", "myst_parser", "furo", "sphinx-mathjax-offline")

# With docs/requirements.txt alone; `make docs` builds the same site.
if all(importlib.util.find_spec(name) for name in NEEDED):

    def test_the_site_builds_without_a_warning_and_needs_no_network(tmp_path):
        command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html"]
        command += ["-d", tmp_path / "trees", DOCS, tmp_path / "html"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        page = (tmp_path / "html" / "optimizers.html").read_text(encoding="utf-8")
        assert all(f"steepest.{name}" in page for name in ("Muon", "OrthogonalSGDM", "make"))
        for html in (tmp_path / "html").glob("*.html"):
            text = html.read_text(encoding="utf-8")
            loaded = re.findall(r"<(?:script|img|link)[^>]*(?:src|href)=\"(https?:[^\"]*)", text)
            assert not loaded, f"{html.name}: {loaded}"
