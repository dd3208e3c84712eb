# SPDX-License-Identifier: Apache-2.0
"""An older tree beside this one, interleaved in one run: the same steps, and what they cost.

    python benchmarks/against.py OLD [NEW] [--rounds 15] [--only WORD]

OLD and NEW are checkouts with a build in build/ (NEW: this one). Each runs in a process of its own,
which stays, and the two take turns, case after case and round after round. A ratio is new to old,
the median over the rounds of neighbouring turns; beside it its quartiles, which say what is noise.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
WARM_UP = 3  # steps that make states and workspace
SECONDS = 0.15  # a turn's steps take about so long


def shapes_of(model: str) -> list[tuple[int, ...]]:
    from steps import gpt2_small, small

    return {
        "GPT-2 small, 1 layer": gpt2_small(1),
        "width 256, 4 layers": small(256, 4),
        "width 64, 12 layers": small(64, 12),
        "120 small tensors": [(32, 32)] * 60 + [(32,)] * 60,
        "one 512 x 512": [(512, 512)],
    }[model]


# (class, options, models)
MODELS = ("GPT-2 small, 1 layer", "width 256, 4 layers", "width 64, 12 layers")
SMALL = MODELS[1:]
CASES: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("Muon", {"polar": "jordan", "polar_dtype": "bfloat16"}, (*MODELS, "120 small tensors")),
    ("Muon", {"polar": "fast_jordan"}, MODELS),
    ("PolarGrad", {}, SMALL),
    ("MuonMax", {"step_size": "momo"}, SMALL),
    ("MuonMax", {"step_size": "momo", "duals": "fresh"}, SMALL),
    ("Scion", {}, SMALL),
    ("AdamW", {}, (*MODELS, "120 small tensors")),
    ("SGD", {"lr": 1e-3, "momentum": 0.9}, (*MODELS, "120 small tensors")),
    ("SignSGD", {}, SMALL),
    ("OrthogonalSGDM", {}, (*SMALL, "120 small tensors")),
    ("Neon", {}, ("one 512 x 512", *SMALL)),
    ("Fanion", {"rank": 8}, ("one 512 x 512",)),
    ("FStar", {}, ("one 512 x 512",)),
]


def name_of(cls: str, options: dict[str, Any], model: str) -> str:
    said = "".join(f" {key}={value}" for key, value in options.items())
    return f"{cls}{said}, {model}"


def cases() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Class, options and model of every case, by its name."""
    return {
        name_of(cls, options, model): (cls, options, model)
        for cls, options, models in CASES
        for model in models
    }


def make_problem(name: str) -> Any:
    """The optimizer of a case over its model, or None where this tree does not have it."""
    from steps import Problem

    import steepest

    cls, options, model = cases()[name]
    make = getattr(steepest, cls, None)
    return make and Problem(shapes_of(model), lambda params: make(params, **options))


def serve() -> None:
    """Answers lines of JSON: {"case", "steps"} with seconds a step; {"case"} with what it takes."""
    import torch

    import steepest

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    problem, current = None, None
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["case"] != current:
            current, problem = asked["case"], None
            problem = make_problem(current)
            for _ in range(WARM_UP if problem else 0):
                problem.step()
        answer: float | None = None
        if problem:
            begin = time.perf_counter()
            for _ in range(asked["steps"]):
                problem.step()
            answer = (time.perf_counter() - begin) / asked["steps"]
        print(json.dumps({"seconds": answer, "workspace": steepest.workspace_bytes()}), flush=True)


class Worker:
    def __init__(self, tree: Path):
        own = {"STEEPEST_LIBRARY": str(tree / "build/lib/libsteepest.so")}
        paths = {"PYTHONPATH": f"{tree / 'python'}:{HERE.parent}", "OMP_WAIT_POLICY": "passive"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--serve"],
            env={**os.environ, **own, **paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, case: str, steps: int) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        print(json.dumps({"case": case, "steps": steps}), file=self.process.stdin, flush=True)
        return json.loads(self.process.stdout.readline())


def compare(workers: list[Worker], case: str, rounds: int) -> str | None:
    """A row of the table; None where one of the trees does not have the case."""
    first = [worker.ask(case, 1) for worker in workers]
    if any(answer["seconds"] is None for answer in first):
        return None
    steps = max(1, round(SECONDS / max(answer["seconds"] for answer in first)))
    turns: list[list[float]] = []
    for index in range(rounds):
        order = (0, 1) if index % 2 == 0 else (1, 0)
        taken = {which: workers[which].ask(case, steps) for which in order}
        turns.append([taken[0]["seconds"], taken[1]["seconds"]])
    ratios = [new / old for old, new in turns]
    low, middle, high = statistics.quantiles(ratios, n=4)
    best = min(new for _, new in turns) / min(old for old, _ in turns)
    ms = [statistics.median(turn[which] for turn in turns) * 1e3 for which in (0, 1)]
    sizes = [workers[which].ask(case, 1)["workspace"] / 1e6 for which in (0, 1)]
    return (
        f"| {case} | {ms[0]:.3g} | {ms[1]:.3g} | {middle:.3f} ({low:.3f}..{high:.3f}) | "
        f"{best:.3f} | {sizes[0]:.1f} -> {sizes[1]:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path, nargs="?", default=HERE.parents[1])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", default="", help="cases with this word in their name")
    args = parser.parse_args()
    workers = [Worker(tree.resolve()) for tree in (args.old, args.new)]
    print("| case | old, ms | new, ms | new / old (quartiles) | best turns | workspace, MB |")
    print("|---|---|---|---|---|---|")
    for case in cases():
        if args.only in case and (row := compare(workers, case, args.rounds)) is not None:
            print(row, flush=True)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        main()
