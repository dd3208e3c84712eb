# SPDX-License-Identifier: Apache-2.0
"""The time of a row of the catalog beside that of a peer's class, from a file you have fetched.

    python benchmarks/peer.py soap path/to/soap.py:SOAP [--layers 1] [--rounds 20]
                              [--peer precondition_frequency=10]

Both take the same matrices, those of GPT-2 small, and the same gradients, in float32. Times are
sums over the rounds, interleaved step by step, as a step that refreshes a basis takes longer: take
a multiple of the steps between two refreshes.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
from typing import Any

from family import make
from run import about
from steps import Problem, gpt2_small
from timing import interleaved, median_ratio


def peer_class(text: str) -> Any:
    """The class of "file.py:Class"."""
    path, _, name = text.rpartition(":")
    spec = importlib.util.spec_from_file_location("peer", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"peer: received {text}, allowed file.py:Class")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def arguments(words: list[str]) -> dict[str, Any]:
    """The keyword arguments of "key=value" words, whose values are Python's literals."""
    return {key: ast.literal_eval(value) for key, value in (word.split("=", 1) for word in words)}


def main() -> None:
    """Prints both times, and their ratio over all rounds and in the median round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("row")
    parser.add_argument("peer", metavar="FILE:CLASS")
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--peer", dest="theirs", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    shapes = gpt2_small(options.layers)
    their_class, extra = peer_class(options.peer), arguments(options.theirs)
    problems = {
        options.row: Problem(shapes, make(options.row)),
        "peer": Problem(shapes, lambda ps: their_class(ps, lr=1e-3, **extra)),
    }
    # The peer's first steps may build its state: both take two before they are timed.
    seconds = interleaved({n: p.step for n, p in problems.items()}, options.rounds, warmup=2)
    print(", ".join(f"{k} {v}" for k, v in about().items()))
    for name, each in seconds.items():
        print(f"{name}: {sum(each) / len(each) * 1e3:.1f} ms a step, longest {max(each) * 1e3:.1f}")
    total = sum(seconds["peer"]) / sum(seconds[options.row])
    median = median_ratio(seconds, "peer", options.row)
    print(f"peer / {options.row}: {total:.2f}, median {median:.2f}")


if __name__ == "__main__":
    main()
