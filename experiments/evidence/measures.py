# SPDX-License-Identifier: Apache-2.0
"""What an experiment measures: one small function for each, of a run's line in the table.

`expected.json` names one under `measure`, and a contrast may name its own. A run that has diverged
or died counts as the worst value of the measure, as ../PROTOCOL.md says of losses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Line = dict[str, Any]


def greatest(values: Sequence[float], lines: Sequence[Line]) -> float:
    """The worst of what had better be small: the greatest value that any run has."""
    return max(values, default=math.nan)


def none_right(values: Sequence[float], lines: Sequence[Line]) -> float:
    """The worst accuracy."""
    return 0.0


def first_loss(values: Sequence[float], lines: Sequence[Line]) -> float:
    """The worst loss: the greatest one of a first step, about that of an untrained model."""
    return max((line["first_loss"] for line in lines if line.get("first_loss")), default=math.nan)


@dataclass(frozen=True)
class Measure:
    """`label` is for people; `of` takes a run's line and all lines; `worst` the values of all runs
    that have ended well, and all lines. `reads` names what `store` takes from the run's folder."""

    label: str
    of: Callable[[Line, Sequence[Line]], float]
    worst: Callable[[Sequence[float], Sequence[Line]], float] = greatest
    reads: tuple[str, ...] = ()


def step_seconds(line: Line) -> float:
    """CPU seconds of a step, a share of all that the process took."""
    return float(line["cpu_seconds"] / line["steps"])


def seconds_to_accuracy(line: Line, lines: Sequence[Line]) -> float:
    """CPU seconds to the accuracy that all reported runs reach: the least of their best ones."""
    ended = [x for x in lines if x["stage"] == "report" and x["status"] == "done"]
    level = min(max(accuracy for _, accuracy in x["accuracies"]) for x in ended)
    step = next(step for step, accuracy in line["accuracies"] if accuracy >= level)
    return float(step * step_seconds(line))


def plain(name: str) -> Callable[[Line, Sequence[Line]], float]:
    """A number that the line has."""
    return lambda line, _: float(line[name])


MEASURES = {
    "val_loss": Measure("last validation loss", plain("val_loss"), first_loss),
    "val_accuracy": Measure("last validation accuracy", plain("val_accuracy"), none_right),
    "first_text_loss": Measure("loss on the first text", plain("first_text_loss")),
    # Of runs with a target: one that never meets it has all of its steps.
    "steps": Measure("steps", plain("steps")),
    "log_steps": Measure("ln of steps", lambda line, _: math.log(line["steps"])),
    "log_seconds": Measure("ln of seconds", lambda line, _: math.log(line["seconds"])),
    "log_step_seconds": Measure(
        "ln of CPU seconds a step", lambda line, _: math.log(step_seconds(line))
    ),
    "log_optimizer_seconds": Measure(
        "ln of the optimizer's CPU seconds a step",
        lambda line, _: math.log(line["optimizer_share"] * step_seconds(line)),
    ),
    "log_seconds_to_accuracy": Measure(
        "ln of CPU seconds to the accuracy that all reach",
        lambda line, lines: math.log(seconds_to_accuracy(line, lines)),
        reads=("accuracies",),
    ),
    "log_steps_to_loss": Measure(
        "ln of steps to AdamW's last loss", lambda line, _: math.log(line["steps_to_loss"])
    ),
    "log_seconds_to_loss": Measure(
        "ln of CPU seconds to AdamW's last loss", lambda line, _: math.log(line["seconds_to_loss"])
    ),
    "rank_share": Measure(
        "stable rank of the momentum over its full rank",
        plain("rank_share"),
        reads=("rank_share",),
    ),
    "update_rank_share": Measure(
        "stable rank of the update over its full rank",
        plain("update_rank_share"),
        reads=("update_rank_share",),
    ),
    "overhead": Measure("optimizer over model, over T m / B", plain("overhead")),
    "slope": Measure("slope", plain("slope")),
}


def measure_named(name: str) -> Measure:
    """The measure of this name; ValueError, with the names that there are, where it is none."""
    if name not in MEASURES:
        raise ValueError(f"measure: received {name!r}, allowed {', '.join(MEASURES)}")
    return MEASURES[name]
