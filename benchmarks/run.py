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

    layers, rounds = (1, 3) if quick else (12, 3)
    problems = {name: Problem(gpt2_small(layers), make) for name, make in CONTENDERS.items()}
    seconds = interleaved({name: p.step for name, p in problems.items()}, rounds)
    sigma = {
        name: problems[name].singular_values()
        for name in ("torch Muon", "Muon", "Muon, fast", "Muon, fast Polar Express")
    }

    def against(goal: str, name: str, peer: str, wanted: str, faster: bool = False) -> Row:
        ratio = median_ratio(seconds, *((peer, name) if faster else (name, peer)))
        more = {"sigma": sigma[name], "sigma_peer": sigma.get(peer)} if name in sigma else {}
        what = f"{name}, GPT-2 small, {layers} layers"
        return row(goal, what, milliseconds(seconds[name]), ratio, peer, wanted, **more)

    adamw, sgd, muon = "torch AdamW fused", "torch SGD fused", "torch Muon"
    return [
        against("P1", "Muon, fast", muon, ">= 1.8x faster", faster=True),
        against("P1", "Muon", muon, "torch's bits", faster=True),
        against("P4", "Muon, fast", adamw, "<= 9x"),
        against("P4", muon, adamw, "(31-34x with AMX)"),
        against("P6", "SGD", sgd, "<= 1.3x"),
        against("P7", "Muon, fast Polar Express", "Muon, fast", "<= 1.05x"),
        against("P14", "stale duals", "no duals", "<= 1.02x"),
        against("P14", "fresh duals", "no duals", "<= 1.10x"),
        against("", "MuonMax-Momo", "Muon, fast", ""),
    ]


def small(quick: bool) -> list[Row]:
    from steps import CONTENDERS, Problem
    from steps import small as shapes_of

    rows = []
    for width, wanted in ((128, ">= 5x faster"), (64, ">= 10x faster")):
        shapes = shapes_of(width, 4 if quick else 12)
        chosen = ("torch Muon", "Muon, fast", "Muon")
        problems = {name: Problem(shapes, CONTENDERS[name]) for name in chosen}
        seconds = interleaved({name: p.step for name, p in problems.items()}, 3 if quick else 9)
        sigma = {name: p.singular_values() for name, p in problems.items()}
        for name in chosen[1:]:
            ratio = median_ratio(seconds, "torch Muon", name)
            what = f"{name}, width {width}, {len(shapes)} matrices"
            more = {"sigma": sigma[name], "sigma_peer": sigma["torch Muon"]}
            ms = milliseconds(seconds[name])
            rows.append(row("P3", what, ms, ratio, "torch Muon", wanted, **more))
    return rows


def svd(quick: bool) -> list[Row]:
    from triplets import contenders, matrix

    n, ranks = (1000, (1, 10)) if quick else (5000, (1, 10, 100))
    rows = []
    for kind in ("decaying", "gaussian"):
        a = matrix(kind, n)
        for k in ranks:
            runs = contenders(a, k, slow=k <= 10)
            rows += triplet_rows(a, f"{kind} {n}, k = {k}", k, runs, 1 if quick else 3)
    return rows


def triplet_rows(a, what: str, k: int, runs: dict, rounds: int) -> list[Row]:
    from triplets import attained

    seconds = interleaved(runs, rounds, warmup=0)
    values = {name: attained(a, *run()) for name, run in runs.items() if "product" not in name}
    top = max(values.values())
    goal = {1: "P8", 10: "P9", 100: "P10"}[k]
    ours = [name for name in values if "steepest" in name]
    rows = []
    for name in ours:
        for peer in (p for p in values if p not in ours):
            ratio = median_ratio(seconds, peer, name)
            against = f"{peer} (attained {values[peer] / top:.4f})"
            products = median_ratio(seconds, name, "one product A x")
            more = {"attained": values[name] / top, "products": products}
            ms = milliseconds(seconds[name])
            rows.append(row(goal, f"{name}, {what}", ms, ratio, against, "faster", **more))
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
        if r.get("sigma_peer"):
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
    about = machine()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.sections:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        rows += SECTIONS[name](args.quick)
        results = {"machine": about, "rows": rows}
        (args.out / "results.json").write_text(json.dumps(results, indent=1))
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
