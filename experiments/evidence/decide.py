# SPDX-License-Identifier: Apache-2.0
"""Verdicts, by the rules of ../PROTOCOL.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from evidence.intervals import Evidence, Interval, Ratio, Tost, seeds_for, tost

CONFIRMED, CONTRADICTED = "confirmed", "contradicted"
ABSENT, OPEN, UNTESTED = "absent at this scale", "not resolved", "not tested"


@dataclass(frozen=True)
class Decision:
    """A verdict, why, and what led to it."""

    verdict: str
    why: str
    interval: Interval
    tost: Tost | None
    seeds_needed: int | None


def margins_of(contrast: dict[str, Any]) -> tuple[float, float]:
    """The ends of what counts as no difference: the margin, or the least effect on both sides."""
    null = contrast.get("null", 0)
    half = contrast["margin"] if contrast["side"] == "=" else abs(contrast["least"] - null)
    return null - half, null + half


def decide(contrast: dict[str, Any], evidence: Evidence, level: float, present: int) -> Decision:
    """The verdict on a contrast; `level` is that of the adjusted interval, `present` the number of
    seeds."""
    if contrast["side"] == "=":
        return decide_equal(contrast, evidence, present)
    return decide_side(contrast, evidence, level, present)


def decide_equal(contrast: dict[str, Any], evidence: Evidence, present: int) -> Decision:
    """Of "no difference": confirmed by TOST, contradicted where all of the interval is beyond."""
    low, high = margins_of(contrast)
    interval, test = evidence.interval(0.95), tost(evidence, low, high)
    half = contrast["margin"]
    if test.holds:
        return Decision(CONFIRMED, f"TOST within {half:g} holds", interval, test, None)
    if interval.is_outside(low, high):
        why = f"the interval lies outside of the margin of {half:g}"
        return Decision(CONTRADICTED, why, interval, test, None)

    def is_enough(seeds: int) -> bool:
        room = min(abs(evidence.estimate - low), abs(evidence.estimate - high))
        is_inside = low < evidence.estimate < high
        return evidence.half_width(0.9 if is_inside else 0.95, seeds) < room

    needed = seeds_for(is_enough, present)
    return Decision(OPEN, f"neither within nor outside of {half:g}", interval, test, needed)


def decide_side(
    contrast: dict[str, Any], evidence: Evidence, level: float, present: int
) -> Decision:
    """Of an effect on one side of the null."""
    null, least = contrast.get("null", 0), contrast["least"]
    sign = 1 if contrast["side"] == ">" else -1
    low, high = margins_of(contrast)
    interval = evidence.interval(level)
    test = tost(evidence, low, high) if high > low else None
    if isinstance(evidence, Ratio) and interval.low is None:
        why = "the denominator is not clearly different from 0"
        return Decision(OPEN, why, interval, test, None)
    is_ahead = sign * (evidence.estimate - null) > 0
    reaches = sign * (evidence.estimate - least) >= 0
    if interval.excludes(null) and is_ahead and reaches:
        why = f"the interval excludes {null:g} and the effect reaches {least:g}"
        return Decision(CONFIRMED, why, interval, test, None)
    if interval.excludes(null) and not is_ahead:
        why = f"the interval excludes {null:g} on the other side"
        return Decision(CONTRADICTED, why, interval, test, None)
    if test is not None and test.holds:
        why = f"TOST within {abs(least - null):g} of {null:g} holds"
        return Decision(ABSENT, why, interval, test, None)

    def is_enough(seeds: int) -> bool:
        if not is_ahead or reaches:
            return evidence.half_width(level, seeds) < abs(evidence.estimate - null)
        return evidence.half_width(0.9, seeds) < abs(evidence.estimate - least)

    why = f"the interval excludes {null:g}, but the effect is below {least:g}"
    if not interval.excludes(null):
        why = f"the interval includes {null:g}"
    return Decision(OPEN, why, interval, test, seeds_for(is_enough, present))
