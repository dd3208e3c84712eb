# SPDX-License-Identifier: Apache-2.0
"""Every way in which one place of a state_dict can be wrong."""

from __future__ import annotations

import copy
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

Path = tuple[Any, ...]
Variant = tuple[str, Any]  # what was done, and the state_dict

_MISSING = object()
# Of every kind that a loader may meet.
_PLAIN = [None, [], {}, "x", "0.5", "", -5, 0, 1, 2.5, True, math.nan, math.inf, -1.0, 10**30]
_PLAIN += [(1, 2), [1, [2, [3]]], {"a": 1}, {0: None}, b"x", 1j, ("0.9", "0.99"), (math.nan, 0.5)]
_PLAIN += [[-1.0, 2.0], (0.5,), (0.1, 0.2, 0.3, 0.4), object, range(3), torch.float32]


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Every key and index below a value, outer ones first."""
    if path:
        yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def get(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: Path, new: Any) -> Any:
    """The value with another one at the path; tuples on the way become lists and tuples again."""
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        changed = dict(value)
        if new is _MISSING and not rest:
            del changed[key]
        else:
            changed[key] = put(value[key], rest, new)
        return changed
    items = list(value)
    if new is _MISSING and not rest:
        del items[key]
    else:
        items[key] = put(items[key], rest, new)
    return type(value)(items)


def _tensors(value: Tensor) -> list[Any]:
    """Other shapes, dtypes, layouts, devices and entries of a tensor."""
    double = value.double()
    made = [value.unsqueeze(0), value.reshape(-1), torch.stack([value, value]), value.new_empty(0)]
    made += [value.to(dtype) for dtype in (torch.int64, torch.bool, torch.complex64, torch.int8)]
    made += [value.to(dtype) for dtype in (torch.float16, torch.bfloat16, torch.float64)]
    made += [value.to("meta"), value.to_sparse() if value.dim() else value.to("meta")]
    made += [
        value.to(torch.float8_e4m3fn),
        torch.quantize_per_tensor(double.float(), 0.1, 0, torch.qint8),
    ]
    made += [
        torch.full_like(value, number) for number in (math.nan, math.inf, -1.0, -5.0, 2.5, 0.0)
    ]
    made += [
        double.numpy(),
        double.tolist(),
        value.mT.contiguous() if value.dim() == 2 else value[None],
    ]
    made += [torch.nested.nested_tensor([value.reshape(-1)]), torch.nn.Parameter(value.clone())]
    return made


def replacements(value: Any) -> list[Any]:
    made = [_MISSING, *_PLAIN]
    if isinstance(value, Tensor):
        made += _tensors(value)
    elif isinstance(value, (list, tuple)) and value:
        made += [value[:-1], [*value, value[-1]], list(reversed(value)), dict(enumerate(value))]
    elif isinstance(value, dict):
        made += [{**value, "alien": 1}, {**value, 999: {"step": 1.0}}, list(value.items())]
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        made += [str(value), torch.tensor(float(value)), torch.tensor([1.0, 2.0]), value + 1]
    return made


def variants(state_dict: dict[str, Any], most: int, seed: int = 0) -> list[Callable[[], Variant]]:
    """At most so many, drawn with a seed over all places and replacements; all places occur."""
    draw = random.Random(seed)
    every = list(places(state_dict))
    pairs: list[tuple[Path, int]] = []
    for path in every:
        pairs += [(path, i) for i in range(len(replacements(get(state_dict, path))))]
    draw.shuffle(pairs)
    first = {path: (path, i) for path, i in reversed(pairs)}
    chosen = list(dict.fromkeys([*first.values(), *pairs]))[:most]

    def make(path: Path, number: int) -> Callable[[], Variant]:
        def variant() -> Variant:
            new = replacements(get(state_dict, path))[number]
            what = "missing" if new is _MISSING else f"{type(new).__name__} {new!r:.80}"
            return f"{path}: {what}", put(copy.deepcopy(state_dict), path, new)

        return variant

    return [make(path, number) for path, number in chosen]
