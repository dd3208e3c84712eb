# SPDX-License-Identifier: Apache-2.0
"""The table of the guide: each advice with what the experiments have found of it."""

from __future__ import annotations

import json
import pathlib
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
EXPERIMENTS = HERE.parent / "experiments"


def contrasts() -> dict[str, dict[str, Any]]:
    """Each contrast of the experiments by its id: its verdict, or what is expected of it."""
    found: dict[str, dict[str, Any]] = {}
    for file in sorted(EXPERIMENTS.glob("*/*/expected.json")):
        verdict = file.with_name("verdict.json")
        own = json.loads((verdict if verdict.exists() else file).read_text(encoding="utf-8"))
        for contrast in own["contrasts"]:
            found[contrast["id"]] = contrast | {"folder": str(file.parent.relative_to(HERE.parent))}
    return found


def advices() -> list[dict[str, Any]]:
    """The rows of guide.json: ``setting``, ``advice``, ``contrasts`` (their ids), ``else``."""
    rows: list[dict[str, Any]] = json.loads((HERE / "guide.json").read_text(encoding="utf-8"))
    return rows


def evidence(contrast: dict[str, Any]) -> str:
    """A contrast in a cell: its id, claim, effect with its interval, and verdict."""
    verdict = contrast.get("verdict", "not tested")
    text = f"`{contrast['id']}` {contrast['claim']}: "
    if contrast.get("estimate") is not None:
        ends = [contrast.get(end) for end in ("low", "high")]
        shown = ", ".join("…" if end is None else f"{end:+.3f}" for end in ends)
        text += f"{contrast['estimate']:+.3f} [{shown}], "
    return text + verdict


def table() -> str:
    """The guide's table in Markdown."""
    known = contrasts()
    lines = ["| what | how | found |", "|---|---|---|"]
    for row in advices():
        parts = [evidence(known[name]) for name in row["contrasts"]]
        parts += [row["else"]] if row.get("else") else []
        lines.append(f"| {row['setting']} | {row['advice']} | {'; '.join(parts) or 'untested'} |")
    return "\n".join(lines) + "\n"
