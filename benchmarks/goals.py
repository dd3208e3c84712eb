# SPDX-License-Identifier: Apache-2.0
"""What is wanted, and whether a measurement shows it."""

from __future__ import annotations

import operator
from dataclasses import asdict, dataclass
from typing import Any

# Of each goal, in one line.
GOALS = {
    "P1": "Muon step, GPT-2 small, AMX off, to torch.optim.Muon's",
    "P2": "Muon step, GPT-2 small, AMX on, to torch.optim.Muon's",
    "P3": "Muon step, many small matrices, to torch.optim.Muon's",
    "P4": "Muon step to torch's fused AdamW step",
    "P5": "optimizer's share of a training step",
    "P6": "all but the polar factor, to fused SGD with momentum",
    "P7": "Polar Express 5 steps to Jordan 5 steps",
    "P8": "rank 1 of a large matrix",
    "P9": "rank 10",
    "P10": "rank 100",
    "P11": "the table of Neon: power iteration, Lanczos, randomized SVD",
    "P12": "products of a warm start to a cold one's",
    "P13": "training steps with Neon and F* to AdamW's; Neon's step to Muon's",
    "P14": "stale and fresh duals to a step without",
    "P15": "one of two cores taken by another process",
    "P16": "peak memory of a step",
}
OPERATORS = {">=": operator.ge, "<=": operator.le}


@dataclass
class Row:
    """One measurement. ``wanted``: ``("<=", 1.05)`` for ``ratio``, None where it only informs."""

    goal: str
    what: str
    against: str = ""
    ms: float | None = None
    ratio: float | None = None
    wanted: tuple[str, float] | None = None
    attained: str = ""  # the accuracy beside the speed
    enough: bool = True  # that accuracy is what the goal asks for
    missing: str = ""  # why there is no measurement
    unit: str = "x"

    def verdict(self) -> str:
        if self.missing:
            return "not measured"
        if self.wanted is None or self.ratio is None:
            return ""
        sign, limit = self.wanted
        return "met" if OPERATORS[sign](self.ratio, limit) and self.enough else "missed"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict()}


def _cells(row: Row) -> list[str]:
    measured = "" if row.ratio is None else f"{row.ratio:.3g}{row.unit}"
    wanted = "" if row.wanted is None else f"{row.wanted[0]} {row.wanted[1]:g}{row.unit}"
    time = "" if row.ms is None else f"{row.ms:.1f}"
    return [row.goal, row.what, time, measured, row.against, wanted, row.verdict() or "-",
            row.missing or row.attained]  # fmt: skip


def table(rows: list[Row], about: dict[str, Any]) -> str:
    """Markdown: the machine, a row a measurement, and the goals by verdict."""
    lines = [", ".join(f"{k} {v}" for k, v in about.items()), ""]
    lines += ["| goal | what | ms | measured | against | wanted | verdict | accuracy |",
              "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    counts = {v: sum(r.verdict() == v for r in rows) for v in ("met", "missed", "not measured")}
    return "\n".join([*lines, "", ", ".join(f"{n} rows {v}" for v, n in counts.items())])


def comparison(rows: list[Row], older: list[dict[str, Any]]) -> str:
    """Rows of the same name in two runs."""
    before = {(r["goal"], r["what"], r["against"]): r for r in older}
    lines = ["| goal | what | against | before | now |", "|---|---|---|---|---|"]
    for row in rows:
        old = before.get((row.goal, row.what, row.against))
        if old and old["ratio"] is not None and row.ratio is not None:
            cells = [row.goal, row.what, row.against, f"{old['ratio']:.3g}", f"{row.ratio:.3g}"]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
