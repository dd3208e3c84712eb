# SPDX-License-Identifier: Apache-2.0
"""Parameters' names on both sides of a load: equal up to the wrappers around a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from steepest._library import ops


def _first_repeated(names: list[str]) -> str | None:
    """The first of the names that occurs twice; None where each is there once."""
    return next((name for name, count in Counter(names).items() if count > 1), None)


def pair(
    received: list[str], allowed: list[str], untrained: Collection[int] = ()
) -> list[int | None]:
    """For each allowed name, the optimizer's, its index in ``received``, the names in a file.

    Names are compared as they are, and then without wrappers ("module.", "_orig_mod." ..).
    ``untrained`` are the indices of allowed names that may be missing from the file; their index is
    then None. Raises ValueError with the first name that one side lacks, and the prefix where it is
    only that.
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
    received: list[str], allowed: list[str], untrained: Collection[int]
) -> list[int | None] | None:
    """:func:`pair` of names as they are; None where the two lists do not hold the same names."""
    if received == allowed:
        return list(range(len(allowed)))
    place: dict[str, int] = {name: index for index, name in enumerate(received)}
    needed = [n for i, n in enumerate(allowed) if i not in untrained or n in place]
    if sorted(received) != sorted(needed) or _first_repeated(allowed) is not None:
        return None
    return [place.get(name) for name in allowed]
