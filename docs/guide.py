# SPDX-License-Identifier: Apache-2.0
"""What the experiments have found, for the guide and the report: read from their verdicts."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
EXPERIMENTS = HERE.parent / "experiments"
sys.path.insert(0, str(EXPERIMENTS))
from verdict import effect, number, outcome, told, wanted  # noqa: E402

NOT_RUN = {"verdict": "not tested", "why": "not run", "estimate": None, "by_row": []}


def contrasts() -> dict[str, dict[str, Any]]:
    """Each contrast of the experiments by its id: its verdict, or what is expected of it."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(EXPERIMENTS.glob("*/*/expected.json")):
        verdict = file.with_name("verdict.json")
        own = json.loads((verdict if verdict.exists() else file).read_text(encoding="utf-8"))
        for contrast in own["contrasts"]:
            about = {
                "folder": str(file.parent.relative_to(HERE.parent)),
                "question": own["question"],
                "runs": own.get("runs"),
            }
            found[contrast["id"]] = NOT_RUN | contrast | about
    return found


def advices() -> list[dict[str, Any]]:
    """The rows of guide.json: ``setting``, ``advice``, ``contrasts`` (their ids), ``else``."""
    rows: list[dict[str, Any]] = json.loads((HERE / "guide.json").read_text(encoding="utf-8"))
    return rows


def plain(text: str) -> str:
    """A text whose asterisks Markdown shows: f* begins no emphasis."""
    return text.replace("*", "\\*")


def evidence(contrast: dict[str, Any]) -> str:
    """A contrast in a cell: its id, claim, effect with its interval, and verdict."""
    return f"`{contrast['id']}` {plain(contrast['claim'])}: {finding(contrast)}"


def finding(contrast: dict[str, Any]) -> str:
    """A contrast's effect with its interval, and its verdict."""
    if contrast["estimate"] is None:
        return str(contrast["verdict"])
    return f"{effect(contrast)}, {contrast['verdict']}"


def table() -> str:
    """The guide's table in Markdown."""
    known = contrasts()
    lines = ["| what | how | found |", "|---|---|---|"]
    for row in advices():
        parts = [evidence(known[name]) for name in row["contrasts"]]
        parts += [row["else"]] if row.get("else") else []
        lines.append(f"| {row['setting']} | {row['advice']} | {'; '.join(parts) or 'untested'} |")
    return "\n".join(lines) + "\n"


def results(paper: str) -> str:
    """The report's tables of a paper in Markdown: one for each experiment of which something is
    decided, and one of the claims that are not tested."""
    own = [c for c in contrasts().values() if c["folder"].startswith(f"experiments/{paper}/")]
    decided = [c for c in own if c["verdict"] != "not tested"]
    lines = []
    for folder in dict.fromkeys(c["folder"] for c in decided):
        here = [c for c in decided if c["folder"] == folder]
        runs = here[0]["runs"]
        lines += [
            f"**{plain(here[0]['question'])}** `{folder}`, {runs['report']} reported runs.",
            "",
        ]
        lines += [
            "| id | claim | found | verdict | expected | paper |",
            "|---|---|---|---|---|---|",
        ]
        for c in here:
            cells = [c["id"], plain(c["claim"]), effect(c), outcome(c), wanted(c), told(c)]
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
    left = [c for c in own if c["verdict"] == "not tested"]
    if left:
        lines += ["Not tested:", "", "| id | claim | paper | experiment |", "|---|---|---|---|"]
    lines += [f"| {c['id']} | {plain(c['claim'])} | {told(c)} | `{c['folder']}` |" for c in left]
    return "\n".join(lines) + "\n"


def by_row(name: str) -> str:
    """A contrast's effect in each row, with the paper's, in Markdown."""
    rows = contrasts()[name]["by_row"]
    lines = ["| " + " | ".join([*(k.split(".")[-1] for k in rows[0]["row"]), "here", "paper"])]
    lines = [lines[0] + " |", "|---" * (len(rows[0]["row"]) + 2) + "|"]
    for row in rows:
        paper = "-" if row["paper"] is None else number(row["paper"])
        cells = [*(f"`{value}`" for value in row["row"].values()), effect(row), paper]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
