# SPDX-License-Identifier: Apache-2.0
"""Parameters' names on both sides of a load: equal up to the wrappers around a module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

# What DataParallel, torch.compile, FSDP and activation checkpointing put into a path.
WRAPPERS = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}


def bare(name: str) -> str:
    """The name without wrappers; its last part is the parameter's own."""
    *path, last = name.split(".")
    return ".".join([part for part in path if part not in WRAPPERS] + [last])


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
    short = [bare(name) for name in received]
    found = _places(received, allowed, untrained)
    if found is None:
        found = _places(short, [bare(name) for name in allowed], untrained)
    if found is None:
        needed = [n for i, n in enumerate(allowed) if i not in untrained or bare(n) in set(short)]
        raise ValueError(difference(received, needed))
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


def difference(received: list[str], allowed: list[str]) -> str:
    """What to say of two lists of names that are not the same."""
    theirs, ours = [bare(name) for name in received], [bare(name) for name in allowed]
    if (twice := _twice(theirs)) is not None or (twice := _twice(ours)) is not None:
        return f'names: received "{twice}" twice, allowed names that differ'
    extra = [name for name, short in zip(received, theirs) if short not in set(ours)]
    missing = [name for name, short in zip(allowed, ours) if short not in set(theirs)]
    if not extra:
        return f'names: received no "{missing[0]}"'
    said = f'names: received "{extra[0]}", which no parameter of this optimizer has'
    return f'{said}, allowed "{missing[0]}"{_prefix(theirs, ours)}' if missing else said


def _prefix(theirs: list[str], ours: list[str]) -> str:
    for longer, shorter, side in ((theirs, ours, "received"), (ours, theirs, "allowed")):
        ends = [name for name in longer if name.endswith("." + min(shorter))]
        for name in ends:
            prefix = name[: len(name) - len(min(shorter))]
            if sorted(longer) == sorted(prefix + each for each in shorter):
                return f': the {side} names begin with "{prefix}"'
    return ""
