# SPDX-License-Identifier: Apache-2.0
"""The benchmarks: each goal beside its peer, interleaved in one run, with the accuracy attained.

    python benchmarks/run.py [--quick] [--out build/bench] [--against OLD.json] [SECTION ..]

Writes results.json, table.md and bench.png; prints the table. Sections: steps, small, svd, neon,
warm, training, machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from goals import Row, comparison, table

import steepest


def _section(module: str, function: str) -> Callable[[bool], list[Row]]:
    return lambda quick: getattr(__import__(module), function)(quick)


SECTIONS = {
    "steps": _section("steps", "large_rows"),
    "small": _section("steps", "small_rows"),
    "svd": _section("triplets", "rank_rows"),
    "neon": _section("triplets", "neon_table"),
    "warm": _section("triplets", "warm_rows"),
    "training": _section("training", "rows"),
    "machine": _section("processes", "rows"),
}


def about() -> dict[str, Any]:
    lines = (
        Path("/proc/cpuinfo").read_text().splitlines() if os.path.exists("/proc/cpuinfo") else []
    )
    field = lambda name: next((x.split(":")[1].strip() for x in lines if x.startswith(name)), "")
    flags = set(field("flags").split())
    isa = [f for f in ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16") if f in flags]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return {
        "cpu": field("model name") or platform.processor(),
        "isa": " ".join(isa),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "steepest": steepest.__version__ + " " + commit.stdout.strip(),
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 2),
    }


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
    older = json.loads(args.against.read_text())["rows"] if args.against else None
    machine, rows = about(), []
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.sections:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        rows += SECTIONS[name](args.quick)
        results = {"machine": machine, "rows": [row.as_json() for row in rows]}
        (args.out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    rows.sort(key=lambda row: int(row.goal[1:]))
    text = table(rows, machine)
    (args.out / "table.md").write_text(text + "\n")
    print(text)
    if older is not None:
        print("\n" + comparison(rows, older))
    from draw import draw

    draw(rows, args.out / "bench.png")
    print(f"bench: {args.out / 'results.json'}, table.md, bench.png", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
