# SPDX-License-Identifier: Apache-2.0
"""Every row of the catalog on GPT-2 small's matrices: size of its file, state, flops, time.

    python benchmarks/family.py [--layers 1] [--rounds 20] [ROW ..]

Times are means over the rounds, interleaved, the steps between two refreshes of a basis among
them. The flops are those of the formulas in FLOPS, of a step in its plain form; elementwise work is
not counted, nor what a faster form saves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from run import about
from steps import MUON, Problem, gpt2_small
from timing import interleaved

import steepest
from steepest import _options
from steepest.catalog import CLASSES

SOURCES = Path(__file__).resolve().parents[1] / "steepest"
REFRESH = 10  # steps from one eigenbasis to the next


def polar_flops(r: int, c: int, steps: int = 5) -> float:
    """Of X <- a X + (b A + c A A) X with A = X X^T, in the shorter side."""
    n, m = min(r, c), max(r, c)
    return steps * (2 * n * n * m + 2 * n**3 + 2 * n * n * m)


def factor_flops(r: int, c: int) -> float:
    """Of G G^T and G^T G."""
    return 2 * r * c * (r + c)


def rotation_flops(r: int, c: int) -> float:
    """Of Q_L^T M Q_R."""
    return 2 * r * c * (r + c)


def refresh_flops(r: int, c: int) -> float:
    """Of a power step and a QR of each side, every REFRESH steps."""
    return sum(2 * n**3 + 4 / 3 * n**3 for n in (r, c)) / REFRESH


def low_rank_flops(r: int, c: int, k: float) -> float:
    """Of some passes over M with a block of k vectors, 8 of them where no basis is kept."""
    return 8 * 4 * r * c * max(k, 8)


def soap_flops(r: int, c: int) -> float:
    """Of SOAP: the factors, the gradient turned, the direction turned back, the momentum with Q."""
    turns = 2 + 2 / REFRESH
    return factor_flops(r, c) + turns * rotation_flops(r, c) + refresh_flops(r, c)


# By the norm's name.
FLOPS: dict[str, Callable[[int, int], float]] = {
    "spectral": polar_flops,
    "schatten": polar_flops,
    "spectral_sign": polar_flops,
    "muon_squared": polar_flops,
    "muoneq": polar_flops,
    "aurora": lambda r, c: 2 * polar_flops(r, c),
    "soap": soap_flops,
    "kl_soap": lambda r, c: soap_flops(r, c) + 2 * rotation_flops(r, c),
    "soap_muon": lambda r, c: (
        factor_flops(r, c)
        + 3 * rotation_flops(r, c)
        + REFRESH * refresh_flops(r, c)
        + polar_flops(r, c)
    ),
    "shampoo": lambda r, c: factor_flops(r, c) + rotation_flops(r, c) + refresh_flops(r, c),
    "kl_shampoo": lambda r, c: 2 * factor_flops(r, c) + rotation_flops(r, c) + refresh_flops(r, c),
    "nuclear": lambda r, c: low_rank_flops(r, c, 1),
    "ky_fan": lambda r, c: low_rank_flops(r, c, 5),
    "k_support": lambda r, c: low_rank_flops(r, c, 5),
    "f_star": lambda r, c: low_rank_flops(r, c, 32),
    "dion": lambda r, c: 3 * 2 * r * c * min(r, c),
    "dion2": lambda r, c: polar_flops(r / 4, c),
    "cosmos": lambda r, c: polar_flops(r, c) + 6 * 2 * r * c * 64,
}


def flops(row: str, shapes: list[tuple[int, int]]) -> float:
    """Of a step of the catalog's ``row``, by its matrices' norm; a mixture's terms add up."""
    norm = _options.row(row)["matrix"]["norm"]
    names = [term.split("*")[-1].split("(")[0] for term in norm.split("+")]
    return sum(FLOPS.get(name, lambda r, c: 0)(r, c) for name in names for r, c in shapes)


def code_lines(path: Path) -> int:
    """Lines of a C++ file without its comments and blanks."""
    text = [line.strip() for line in path.read_text().splitlines()]
    return sum(1 for line in text if line and not line.startswith("//"))


def files(row: str) -> Iterator[Path]:
    """The files of the catalog's ``row``: its own, those of its norm, rescale and geometry."""
    matrix = _options.row(row)["matrix"]
    yield SOURCES / "optimizers" / f"{row.replace('-', '_')}.cpp"
    for folder, text in (
        ("norms", matrix["norm"]),
        ("transforms", matrix.get("rescale", "none")),
        ("geometries", matrix.get("geometry", "none")),
    ):
        for term in text.split("+"):
            path = SOURCES / folder / f"{term.split('*')[-1].split('(')[0]}.cpp"
            if path.exists():
                yield path


def state(problem: Problem) -> float:
    """Numbers of state for each number of a parameter, after a step."""
    kept = sum(
        t.numel()
        for s in problem.optimizer.state.values()
        for t in s.values()
        if isinstance(t, torch.Tensor) and t.dim() > 0
    )
    return kept / sum(p.numel() for p in problem.params)


def make(row: str) -> Callable[[list[torch.Tensor]], torch.optim.Optimizer]:
    """A function that makes the catalog's ``row`` over a list of matrices."""
    return lambda ps: steepest.make(row, [{"params": ps, "role": "matrix"}], lr=1e-3)


def main() -> int:
    """Prints the table; its rows are ordered by their time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rows", nargs="*", default=list(CLASSES), metavar="ROW")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--out", type=Path, help="a file for the results as JSON")
    options = parser.parse_args()
    shapes = gpt2_small(options.layers)
    peers = {
        "torch Muon": lambda ps: torch.optim.Muon(ps, **MUON),
        "torch AdamW fused": lambda ps: torch.optim.AdamW(ps, fused=True),
    }
    makers = {**peers, **{row: make(row) for row in options.rows}, "muon": make("muon")}
    problems = {name: Problem(shapes, maker) for name, maker in makers.items()}
    seconds = interleaved({name: p.step for name, p in problems.items()}, options.rounds)
    mean = {name: statistics.mean(s) for name, s in seconds.items()}
    print(", ".join(f"{k} {v}" for k, v in about().items()), "\n")
    print("| row | lines | state | Gflop | ms | x Muon | x AdamW, fused |")
    print("|---|---|---|---|---|---|---|")
    results = {}
    for name in sorted(makers, key=lambda n: mean[n]):
        own = name not in peers
        found = {
            "lines": sum(map(code_lines, files(name))) if own else None,
            "state": round(state(problems[name]), 2),
            "gflop": round(flops(name, shapes) / 1e9, 1) if own else None,
            "ms": round(mean[name] * 1e3, 2),
            "to_muon": round(mean[name] / mean["muon"], 3),
            "to_adamw": round(mean[name] / mean["torch AdamW fused"], 2),
        }
        results[name] = found
        cells = ["" if v is None else f"{v:g}" for v in found.values()]
        print("| " + " | ".join([name, *cells]) + " |", flush=True)
    if options.out:
        options.out.write_text(json.dumps({"machine": about(), "rows": results}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
