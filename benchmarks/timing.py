# SPDX-License-Identifier: Apache-2.0
"""Interleaved timing: contenders take turns, so that what disturbs one disturbs all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

Run = Callable[[], object]


def interleaved(
    contenders: dict[str, Run], rounds: int, warmup: int = 1, pause: float = 0
) -> dict[str, list[float]]:
    """Seconds of each contender's calls, in rounds; the order turns by one each round.

    ``pause``: seconds before each call, for the waiting threads of another library to fall asleep:
    OpenBLAS's, which is scipy's, spin for a tenth of a second and slow down who comes next by 3.
    """
    names = list(contenders)
    for _ in range(warmup):
        for name in names:
            contenders[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            time.sleep(pause)
            start = time.perf_counter()
            contenders[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def median_ratio(seconds: dict[str, list[float]], one: str, other: str) -> float:
    """The median over rounds of one's time to the other's: how many times as long it takes."""
    return statistics.median(a / b for a, b in zip(seconds[one], seconds[other]))


def milliseconds(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1e3
