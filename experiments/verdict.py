# SPDX-License-Identifier: Apache-2.0
"""Judges experiments: reads expected.json and table.jsonl, writes verdict.json and the READMEs.

    python experiments/verdict.py experiments/variants/lag          # judges, prints a table
    python experiments/verdict.py experiments/variants/lag --store  # takes the sweep's table first
    python experiments/verdict.py                                   # all of them

As Holm's adjustment is within a paper, all experiments of the folder's paper are written anew.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from evidence.experiment import Experiment, judge_all  # noqa: E402
from evidence.measures import measure_named  # noqa: E402
from evidence.tables import store  # noqa: E402

BLOCK = re.compile(r"(<!-- verdict -->\n).*?(<!-- end -->)", re.DOTALL)


def folders_of(paper: Path) -> list[Path]:
    """The experiments of a paper's folder, by name."""
    return sorted(path.parent for path in paper.glob("*/expected.json"))


def all_papers() -> list[Path]:
    """The folders that have experiments with expectations."""
    return sorted({path.parents[1] for path in HERE.glob("*/*/expected.json")})


def number(value: float | None) -> str:
    """A number for people, with its sign: three decimals, or three digits where it is small."""
    if value is None:
        return "?"
    return f"{value:+.3f}" if abs(value) >= 0.01 or value == 0 else f"{value:+.2g}"


def effect(entry: dict[str, Any]) -> str:
    """An effect with its interval."""
    if entry["estimate"] is None:
        return "-"
    if entry.get("interval") == "none":
        return number(entry["estimate"])
    return f"{number(entry['estimate'])} [{number(entry['low'])}, {number(entry['high'])}]"


def wanted(entry: dict[str, Any]) -> str:
    """What was expected: "> +0.030", "= within 0.02"."""
    if entry["side"] == "=":
        return f"within {entry['margin']:g}"
    return f"{entry['side']} {entry['least']:g}"


def told(entry: dict[str, Any]) -> str:
    """What the paper says: a number, a text, or nothing."""
    paper = entry["paper"]
    return number(paper) if isinstance(paper, (int, float)) else paper or "-"


def outcome(entry: dict[str, Any]) -> str:
    """The verdict, with what is missing where there is none."""
    words: str = entry["verdict"]
    if words == "not resolved":
        needed = entry["seeds_needed"]
        return f"{words} ({f'{needed} seeds would do' if needed else entry['why']})"
    return f"{words} ({entry['why']})" if words == "not tested" else words


def contrast_lines(verdict: dict[str, Any]) -> list[str]:
    """The table of contrasts, in Markdown."""
    lines = ["| id | claim | contrast | expected | paper | found | verdict |"]
    lines.append("|---|---|---|---|---|---|---|")
    for entry in verdict["contrasts"]:
        contrast = entry["contrast"].replace("|", " or ")
        cells = [entry["id"], entry["claim"], contrast, wanted(entry), told(entry)]
        lines.append("| " + " | ".join([*cells, effect(entry), outcome(entry)]) + " |")
    return lines


def row_name(row: dict[str, Any]) -> str:
    """An arm's row for people."""
    words = [row["arm"], *(f"{value}" for value in row["row"].values())]
    return " ".join(words)


def row_lines(verdict: dict[str, Any]) -> list[str]:
    """The table of rows: values chosen, trials, what was measured."""
    label = measure_named(verdict["measure"]).label
    lines = [f"| arm and row | chosen by seed 0 | trials | {label} | paper |"]
    lines.append("|---|---|---|---|---|")
    for row in verdict["rows"]:
        values = ", ".join(f"{k.split('.')[-1]} {v:g}" for k, v in row["values"].items())
        edge = f" (an edge: {', '.join(row['edges'])})" if row["edges"] else ""
        loss = "-" if row["mean"] is None else f"{row['mean']:.4f}"
        if row["low"] is not None:
            loss += f" ± {(row['high'] - row['low']) / 2:.4f}"
        if row["diverged"]:
            loss += f", {len(row['diverged'])} diverged"
        paper = "-" if row["paper"] is None else f"{row['paper']:g}"
        trials = str(row["trials"] or "-")
        lines.append(f"| {row_name(row)} | {values + edge} | {trials} | {loss} | {paper} |")
    return lines


def rate_lines(verdict: dict[str, Any]) -> list[str]:
    """The table of curves of rates."""
    if not verdict["rates"]:
        return []
    lines = ["", "| row | mean excess | decades within 5 % |", "|---|---|---|"]
    for curve in verdict["rates"]:
        cells = [
            f"{m:.3f} [{low:.3f}, {high:.3f}]"
            for m, low, high in (curve["excess"], curve["decades"])
        ]
        lines.append(f"| {curve['row']} | " + " | ".join(cells) + " |")
    return lines


def block(verdict: dict[str, Any]) -> str:
    """What verdict.py writes into a README."""
    runs = verdict["runs"]
    if not runs["tune"] + runs["report"]:
        return "Not run yet.\n"
    seeds = verdict["seeds"]
    lines = [
        f"{runs['tune']} trials with seed 0 and {runs['report']} reported runs, seeds {seeds[0]} "
        f"to {seeds[-1]}; {runs['diverged']} diverged, {runs['failed']} failed; "
        f"{runs['cpu_minutes']:g} CPU minutes; {', '.join(verdict['processors'])}.",
        "",
        *contrast_lines(verdict),
        *[f"\n{note}." for note in verdict["notes"]],
        *rate_lines(verdict),
        "",
        "<details><summary>Rows, with their 95 % t intervals</summary>",
        "",
        *row_lines(verdict),
        "",
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def with_block(readme: str, verdict: dict[str, Any]) -> str:
    """A README with its block written anew."""
    return BLOCK.sub(lambda found: found[1] + block(verdict) + found[2], readme)


def with_index(readme: str, verdict: dict[str, Any]) -> str:
    """The list of all contrasts with these verdicts in their lines' last cells."""
    for entry in verdict["contrasts"]:
        line = re.compile(rf"^(\| {re.escape(entry['id'])} \|.*\| )[^|]*( \|)$", re.MULTILINE)
        readme = line.sub(lambda found, e=entry: found[1] + e["verdict"] + found[2], readme)
    return readme


def text_of(verdict: dict[str, Any]) -> str:
    """verdict.json: indented, lists of numbers on one line."""
    text = json.dumps(verdict, indent=1)
    short = re.compile(r"\[\s+((?:-?[\d.e+-]+,?\s+)+)\]")
    return short.sub(lambda found: "[" + " ".join(found[1].split()) + "]", text) + "\n"


def judge(paper: Path) -> dict[Path, dict[str, Any]]:
    """The verdicts of a paper's experiments, by folder."""
    folders = folders_of(paper)
    return dict(zip(folders, judge_all([Experiment(folder) for folder in folders])))


def write(verdicts: dict[Path, dict[str, Any]]) -> None:
    """Writes verdict.json where there is a table, the READMEs, and the list of all contrasts."""
    index = HERE / "README.md"
    for folder, verdict in verdicts.items():
        if (folder / "table.jsonl").exists():
            (folder / "verdict.json").write_text(text_of(verdict))
        readme = folder / "README.md"
        readme.write_text(with_block(readme.read_text(), verdict))
        index.write_text(with_index(index.read_text(), verdict))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="*", type=Path, help="experiments; default: all")
    parser.add_argument("--store", action="store_true", help="take the sweeps' tables first")
    given = parser.parse_args()
    folders = [folder.resolve() for folder in given.folder]
    folders = folders or [folder for paper in all_papers() for folder in folders_of(paper)]
    for folder in folders:
        if not (folder / "expected.json").exists():
            print(
                f"{folder}: received no expected.json, allowed an experiment's folder",
                file=sys.stderr,
            )
            return 2
        if given.store:
            count = store(folder, json.loads((folder / "expected.json").read_text())["seeds"])
            print(f"{folder.relative_to(HERE)}: {count} runs", file=sys.stderr)
    for paper in sorted({folder.parent for folder in folders}):
        verdicts = judge(paper)
        write(verdicts)
        for folder in folders:
            if folder in verdicts:
                print(f"{folder.relative_to(HERE)}\n" + "\n".join(contrast_lines(verdicts[folder])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
