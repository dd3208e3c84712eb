# SPDX-License-Identifier: Apache-2.0
"""The documentation's Python blocks run, and Sphinx builds it without a warning.

A block that needs what a test has not (another package, processes) is marked: ```python no-run.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```python([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str, int]]:
    """(info, code, first line) of each Python block of a page."""
    text = page.read_text(encoding="utf-8")
    return [(m[1].strip(), m[2], text.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(text)]


PAGES = [page for page in sorted(DOCS.glob("*.md")) if blocks(page)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_run_in_their_order(page, tmp_path, monkeypatch):
    """One namespace a page; a block that is not run must at least be Python."""
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    try:
        for info, code, line in blocks(page):
            tree = ast.parse(code, filename=str(page))
            ast.increment_lineno(tree, line - 1)
            assert info in ("", "no-run"), f"{page.name}:{line}: {info}"
            if not info:
                exec(compile(tree, str(page), "exec"), namespace)
    finally:
        torch.set_num_threads(threads)


# With docs/requirements.txt alone; `make docs` builds the same site.
if all(importlib.util.find_spec(name) for name in ("sphinx", "myst_parser", "furo")):

    def test_the_site_builds_without_a_warning(tmp_path):
        command = [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "-b",
            "html",
            "-d",
            tmp_path / "trees",
        ]
        done = subprocess.run(
            [*command, DOCS, tmp_path / "html"], capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        page = (tmp_path / "html" / "optimizers.html").read_text(encoding="utf-8")
        assert all(f"steepest.{name}" in page for name in ("Muon", "OrthogonalSGDM", "make"))
