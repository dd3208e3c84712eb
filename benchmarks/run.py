# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: each goal beside its peer, interleaved in one run, with the accuracy attained.

    python benchmarks/run.py [--quick] [--out build/bench] [--against OLD.json] [SECTION ..]

Writes results.json, table.md and bench.png; prints the table. Sections: steps, small, svd.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import torch
from timing import interleaved, median_ratio, milliseconds

import steepest

Row = dict[str, Any]


def row(goal: str, what: str, ms: float, ratio: float, against: str, wanted: str, **more) -> Row:
    return {
        "goal": goal,
        "what": what,
        "ms": ms,
        "ratio": ratio,
        "against": against,
        "wanted": wanted,
        **more,
    }


def steps(quick: bool) -> list[Row]:
    from steps import CONTENDERS, Problem, gpt2_small

    layers, rounds = (1, 3) if quick else (12, 5)
    shapes = gpt2_small(layers)
    problems = {name: Problem(shapes, make) for name, make in CONTENDERS.items()}
    seconds = interleaved({name: p.step for name, p in problems.items()}, rounds)
    ms = {name: milliseconds(s) for name, s in seconds.items()}
    ratio = lambda a, b: median_ratio(seconds, a, b)
    what = f"GPT-2 small, {layers} layers"
    spread = {
        name: problems[name].singular_values()
        for name in ("torch Muon", "Muon", "Muon, Polar Express")
    }
    rows = [
        row("P1", f"Muon step, {what}", ms["Muon"], ratio("torch Muon", "Muon"),
            "torch Muon", ">= 1.8x faster", sigma=spread["Muon"], sigma_peer=spread["torch Muon"]),
        row("P4", f"Muon step, {what}", ms["Muon"], ratio("Muon", "torch AdamW fused"),
            "torch AdamW fused", "<= 9x"),
        row("P4", f"torch Muon, {what}", ms["torch Muon"],
            ratio("torch Muon", "torch AdamW fused"), "torch AdamW fused", "(31-34x)"),
        row("P6", f"SGD: no polar factor, {what}", ms["SGD"], ratio("SGD", "torch SGD fused"),
            "torch SGD fused", "<= 1.3x"),
        row("P7", f"Polar Express 5 steps, {what}", ms["Muon, Polar Express"],
            ratio("Muon, Polar Express", "Muon"), "Jordan 5 steps", "<= 1.05x",
            sigma=spread["Muon, Polar Express"]),
        row("P14", f"stale duals, {what}", ms["stale duals"], ratio("stale duals", "no duals"),
            "no duals", "<= 1.02x"),
        row("P14", f"fresh duals, {what}", ms["fresh duals"], ratio("fresh duals", "no duals"),
            "no duals", "<= 1.10x"),
    ]  # fmt: skip
    return rows


def small(quick: bool) -> list[Row]:
    from steps import CONTENDERS, Problem
    from steps import small as shapes_of

    rows = []
    for width, wanted in ((128, ">= 5x"), (64, ">= 10x")):
        shapes = shapes_of(width, 4 if quick else 12)
        chosen = ("torch Muon", "Muon", "torch AdamW fused")
        problems = {name: Problem(shapes, CONTENDERS[name]) for name in chosen}
        seconds = interleaved({name: p.step for name, p in problems.items()}, 3 if quick else 9)
        rows.append(
            row("P3", f"Muon step, width {width}, {len(shapes)} matrices",
                milliseconds(seconds["Muon"]), median_ratio(seconds, "torch Muon", "Muon"),
                "torch Muon", wanted + " faster", sigma=problems["Muon"].singular_values(),
                sigma_peer=problems["torch Muon"].singular_values())
        )  # fmt: skip
    return rows


def svd(quick: bool) -> list[Row]:
    from triplets import attained, contenders, matrix

    n, ranks = (1000, (1, 10)) if quick else (5000, (1, 10, 100))
    rows = []
    for kind in ("decaying", "gaussian"):
        a = matrix(kind, n)
        for k in ranks:
            runs = contenders(a, k, slow=k <= 10 or (kind == "decaying" and not quick))
            seconds = interleaved(runs, 1 if k == 100 or quick else 3, warmup=0)
            values = {
                name: attained(a, *run()) for name, run in runs.items() if "product" not in name
            }
            top = max(values.values())
            for name, value in values.items():
                if "steepest" not in name:
                    continue
                for peer in values:
                    if "steepest" in peer:
                        continue
                    rows.append(
                        row({1: "P8", 10: "P9", 100: "P10"}[k], f"{name}, {kind} {n}, k = {k}",
                            milliseconds(seconds[name]), median_ratio(seconds, peer, name),
                            f"{peer} (attained {values[peer] / top:.4f})", "see goals",
                            attained=value / top,
                            products=median_ratio(seconds, name, "one product A x"))
                    )  # fmt: skip
    return rows


def machine() -> dict[str, Any]:
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "")
    return {
        "cpu": model,
        "threads": torch.get_num_threads(),
        "load": os.getloadavg()[0],
        "isa": os.environ.get("ONEDNN_MAX_CPU_ISA", "all"),
        "torch": torch.__version__,
        "steepest": steepest.__version__,
        "python": platform.python_version(),
    }


def table(rows: list[Row], about: dict[str, Any]) -> str:
    lines = [", ".join(f"{k} {v}" for k, v in about.items()), ""]
    lines += [
        "| goal | what | ms | ratio | against | wanted | attained |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        seen = ""
        if "sigma" in r:
            seen = "sigma/median {:.2f}..{:.2f}".format(*r["sigma"])
        if "sigma_peer" in r:
            seen += " (peer {:.2f}..{:.2f})".format(*r["sigma_peer"])
        if "attained" in r:
            seen = f"{r['attained']:.4f}, {r['products']:.1f} products' time"
        lines.append(
            f"| {r['goal']} | {r['what']} | {r['ms']:.1f} | {r['ratio']:.2f} | {r['against']} | "
            f"{r['wanted']} | {seen} |"
        )
    return "\n".join(lines)


SECTIONS = {"steps": steps, "small": small, "svd": svd}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sections", nargs="*", default=list(SECTIONS), metavar="SECTION")
    parser.add_argument("--quick", action="store_true", help="small sizes, few rounds")
    parser.add_argument("--out", type=Path, default=Path("build/bench"))
    parser.add_argument("--against", type=Path, help="an older results.json to compare with")
    args = parser.parse_args()
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f'section: received "{unknown[0]}", allowed {", ".join(SECTIONS)}')
    rows: list[Row] = []
    for name in args.sections:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        rows += SECTIONS[name](args.quick)
    about = machine()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "results.json").write_text(json.dumps({"machine": about, "rows": rows}, indent=1))
    text = table(rows, about)
    (args.out / "table.md").write_text(text + "\n")
    print(text)
    if args.against:
        compare(rows, json.loads(args.against.read_text())["rows"])
    from draw import draw

    draw(rows, args.out / "bench.png")
    print(f"bench: {args.out / 'results.json'}, table.md, bench.png", file=sys.stderr)
    return 0


def compare(rows: list[Row], older: list[Row]) -> None:
    before = {(r["goal"], r["what"], r["against"].partition(" (")[0]): r for r in older}
    print("\n| what | against | ratio before | ratio now |\n|---|---|---|---|")
    for r in rows:
        old = before.get((r["goal"], r["what"], r["against"].partition(" (")[0]))
        if old:
            print(f"| {r['what']} | {r['against']} | {old['ratio']:.2f} | {r['ratio']:.2f} |")


if __name__ == "__main__":
    sys.exit(main())
