# SPDX-License-Identifier: Apache-2.0
"""Parameters' names on both sides of a load: equal up to the wrappers around a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from steepest._library import ops


def _twice(names: list[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def pair(
    received: list[str], allowed: list[str], untrained: Collection[int] = ()
) -> list[int | None]:
    """The place in ``received`` of each allowed name.

    Names are compared as they are, and then without wrappers. Those at the places ``untrained``
    may be missing, for None. Raises ValueError with the first name that one side lacks, and the
    prefix where it is only that.
    """
    found = _places(received, allowed, untrained)
    if found is not None:
        return found
    theirs, ours = ops.plain_names(received), ops.plain_names(allowed)
    found = _places(theirs, ours, untrained)
    if found is None:
        needed = [allowed[i] for i, n in enumerate(ours) if i not in untrained or n in set(theirs)]
        raise ValueError(ops.name_difference(received, needed))
    return found


def _places(
    theirs: list[str], ours: list[str], untrained: Collection[int]
) -> list[int | None] | None:
    """The place of each of ours among theirs; None where they are not the same names."""
    if theirs == ours:
        return list(range(len(ours)))
    place: dict[str, int] = {name: index for index, name in enumerate(theirs)}
    there = [n for i, n in enumerate(ours) if i not in untrained or n in place]
    if sorted(theirs) != sorted(there) or _twice(ours) is not None:
        return None
    return [place.get(name) for name in ours]
