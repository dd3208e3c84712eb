# SPDX-License-Identifier: Apache-2.0
"""Table 1: the best approximation of rank k of a 5000 x 5000 matrix, to 1 % of its Frobenius norm.

    python experiments/neon/table1/run.py

By thick-restart Lanczos, by the randomized method with power steps, and for k = 1 by power steps,
on one thread. Each stops when it has shown that it is that close, and is timed with that.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))
from evidence.scripts import arguments, line_of, seeds_of, write_table  # noqa: E402

import steepest  # noqa: E402

RANKS = [1, 10, 100]
METHODS = {"lanczos": RANKS, "randomized": RANKS, "power": [1]}
RTOL = 0.01


def orthogonal(size: int, random: torch.Generator) -> Tensor:
    """A random orthogonal matrix."""
    return torch.linalg.qr(torch.randn(size, size, generator=random))[0]


def matrices(size: int, seed: int) -> dict[str, Tensor]:
    """A Gaussian matrix, and one with the singular values 1 / i."""
    random = torch.Generator().manual_seed(seed)
    values = 1 / torch.arange(1.0, size + 1)
    decaying = (orthogonal(size, random) * values) @ orthogonal(size, random).T
    return {"gaussian": torch.randn(size, size, generator=random), "decaying": decaying}


def main() -> None:
    """The command."""
    given, lines = arguments(__doc__ or "", size=5000), []
    torch.set_num_threads(1)
    for seed in seeds_of(HERE, given):
        for name, matrix in matrices(given.size, seed).items():
            for method, ranks in METHODS.items():
                for k in ranks:
                    begin = time.process_time()
                    steepest.svd(matrix, k, method, RTOL, stop="approximation")
                    took = time.process_time() - begin
                    row = {"k": k, "matrix": name}
                    costs = {"seconds": took, "cpu_seconds": took}
                    lines.append(line_of(method, row, seed, **costs))
                    print(f"{method} {name} k = {k} seed {seed}: {took:.2f} s", flush=True)
    write_table(HERE, lines, given.is_trial)


if __name__ == "__main__":
    main()
