# SPDX-License-Identifier: Apache-2.0
"""How long a plan takes to make for a large model on many processes, and how even its work is.

    STEEPEST_LIBRARY=build/lib/libsteepest.so PYTHONPATH=python python benchmarks/planner.py

The model has the shapes of a mixture of experts of a million million parameters (61 layers of width
7168, 384 experts), or of GPT-2 small; the rows of every matrix are sharded, or experts are. No
process is started: one plans for all. Idle is the share of its time that an average process waits
for the busiest, by the multiplications of the polar factors alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from steepest._library import ops

Shape = list[int]


def mixture(layers: int = 61) -> list[Shape]:
    """The matrices of a mixture of experts: attention, a shared expert and 384 others a layer."""
    width, hidden, experts = 7168, 2048, 384
    attention = [[1536, width], [12288, 1536], [576, width], [16384, 512], [width, 8192]]
    shared = [[hidden, width]] * 2 + [[width, hidden]]
    routed = [[experts, hidden, width]] * 2 + [[experts, width, hidden]]
    return [*attention, *shared, *routed] * layers


def gpt2_small() -> list[Shape]:
    """The 72 matrices of GPT-2 small."""
    return [[768, 768], [768, 768], [768, 768], [768, 768], [3072, 768], [768, 3072]] * 12


def text_of(shapes: list[Shape], processes: int, *, experts: bool) -> str:
    """The plan's text for the first process: rows sharded, or the experts of stacked matrices."""
    params = [
        {"name": f"w{i}", "shape": shape, "group": 0, "view": "batch"}
        for i, shape in enumerate(shapes)
    ]
    placements = [["S0"] if len(s) == 2 or experts else ["S1"] for s in shapes]
    sharing = {"group": "", "rank": 0, "mesh": [processes], "placements": placements}
    group = {"role": "matrix", "options": {}}
    sides = {"matrix": {}, "backup": {}}
    plan = {"recipe": "muon", "name": "muon", "options": {}, "sides": sides, "groups": [group]}
    return json.dumps({**plan, "params": params, "sharing": sharing})


def flops(shape: Shape) -> float:
    """Of five polar steps in the Gram form, one multiplication and addition being two."""
    batch, (short, long) = (shape[0] if len(shape) > 2 else 1), sorted(shape[-2:])
    return batch * short * short * (4.0 * long + 5 * 3 * short)


def idle(shapes: list[Shape], owners: list[int], processes: int) -> tuple[float, float]:
    """The share of time that an average process waits, and the busiest's load over the average."""
    loads = [0.0] * processes
    for shape, owner in zip(shapes, owners):
        if owner >= 0:
            loads[owner] += flops(shape)
        else:
            for process in range(processes):  # whole matrices, in chunks of experts
                loads[process] += flops(shape) / processes
    mean, most = statistics.mean(loads), max(loads)
    return 1 - mean / most, most / mean


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="*", default=[8, 64, 512, 1024])
    given = parser.parse_args()
    print("| model | processes | plan, s | idle | busiest / mean |\n|---|---|---|---|---|")
    for name, shapes, experts in [
        ("GPT-2 small", gpt2_small(), False),
        ("mixture of experts, by experts", mixture(), True),
    ]:
        for processes in given.processes:
            text = text_of(shapes, processes, experts=experts)
            begin = time.perf_counter()
            owners = json.loads(ops.layout(text))["owners"]
            took = time.perf_counter() - begin
            share, ratio = idle(shapes, owners, processes)
            print(f"| {name} | {processes} | {took:.2f} | {100 * share:.0f} % | {ratio:.2f} |")


if __name__ == "__main__":
    main()
