# SPDX-License-Identifier: Apache-2.0
"""What kind of value each option takes: numbers of Python, numpy and torch, never text as one."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from torch import Tensor

from steepest import _table

# A number that a scheduler or the caller writes in place stays the tensor that it is.
_IN_PLACE = ("lr", "weight_decay")
# Of this face alone; what the engine has is in the table of options.
_NUMBERS = ("lr_ratio", "backup_lr_ratio")
_COUNTS = ("ns_steps", "num_heads", "split_dim")
_FLAGS = ("bias_correction", "transposed", "amsgrad", *_table.FLAGS)
_WORDS = ("view", "role", "adjust_lr_fn", "recipe")
# None means "the default" or "none" here.
_OPTIONAL = _table.OPTIONAL | {"role", "num_heads", "split_sizes", "fused", "backup_betas"}
_OPTIONAL |= {"adjust_lr_fn", "polar", "radius", "amsgrad", "roles", "layouts"}


def shown(value: object) -> str:
    """A value for a message of one line."""
    if isinstance(value, str):
        return f'"{value[:60]}"'
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape) != ():
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    return " ".join(repr(value).split())[:80]


def _scalar(value: Any) -> Any:
    """The Python number in a tensor or array of one element; anything else as it is."""
    if isinstance(value, Tensor):
        return value.detach().item() if value.numel() == 1 and not value.is_meta else value
    one = hasattr(value, "item") and getattr(value, "size", 0) == 1
    return value.item() if one else value


def _refuse(name: str, value: object, allowed: str) -> None:
    text = f"{name}: received {shown(value)}, allowed {allowed}"
    if isinstance(value, (str, bytes)) and "number" in allowed:
        text += ", not text (YAML reads 1e-3 as text: write 1.0e-3)"
    raise TypeError(text)


def number(name: str, value: Any) -> float:
    """A finite number; TypeError for text, flags and what is none, ValueError for NaN and Inf."""
    plain = _scalar(value)
    real = isinstance(plain, (numbers.Real, Decimal)) and not isinstance(plain, bool)
    if not real:
        _refuse(name, value, "a number")
    try:
        found = plain if type(plain) in (int, float) else float(plain)
        finite = math.isfinite(found)
    except (OverflowError, ValueError):
        finite = False
    if not finite:
        raise ValueError(f"{name}: received {shown(plain)}, allowed a finite number")
    return found


def number_or_nan(name: str, value: Any) -> float:
    """The same, where training itself may come to NaN or Inf."""
    plain = _scalar(value)
    wild = isinstance(plain, float) and not math.isfinite(plain)
    return plain if wild else number(name, value)


def count(name: str, value: Any) -> int:
    """A whole number, also one that is stored as a float."""
    found = number(name, value)
    if found != int(found):
        raise ValueError(f"{name}: received {shown(value)}, allowed a whole number")
    return int(found)


def flag(name: str, value: Any) -> bool:
    """True or False; 1 and 0 are these, text is not."""
    plain = _scalar(value)
    if not isinstance(plain, (bool, int)) or plain not in (0, 1):
        _refuse(name, value, "True or False")
    return bool(plain)


def word(name: str, value: Any) -> str:
    if not isinstance(value, str):
        _refuse(name, value, "text")
    return str(value)


def word_or_number(name: str, value: Any) -> str | float:
    return str(value) if isinstance(value, str) else number(name, value)


def several(name: str, value: Any, length: int | None = None) -> tuple[float, ...]:
    """A tuple of numbers from a tuple, a list, an array; of ``length`` where that is given."""
    allowed = "numbers" if length is None else f"{length} numbers"
    bare = isinstance(value, (str, bytes, Mapping, set)) or not isinstance(value, Iterable)
    if bare or getattr(value, "shape", None) == ():
        _refuse(name, value, allowed)
    found = tuple(number(f"{name}[{i}]", item) for i, item in enumerate(value))
    if length is not None and len(found) != length:
        raise ValueError(f"{name}: received {shown(found)}, allowed {allowed}")
    return found


def betas(name: str, value: Any) -> tuple[float, ...]:
    """Two numbers from 0 to below 1."""
    found = several(name, value, 2)
    for index, beta in enumerate(found):
        if not 0 <= beta < 1:
            raise ValueError(f"{name}[{index}]: received {beta}, allowed 0 to below 1")
    return found


def sizes(name: str, value: Any) -> list[int]:
    return [count(f"{name}[{i}]", size) for i, size in enumerate(several(name, value))]


def _each(kind: type, allowed: str) -> Callable[[str, Any], Any]:
    """Of each parameter one."""

    def read_each(name: str, value: Any) -> Any:
        listed = isinstance(value, (list, tuple))
        if not listed or not all(isinstance(item, kind) for item in value):
            _refuse(name, value, allowed)
        return value

    return read_each


def _list(name: str, value: Any) -> list[float]:
    return list(several(name, value))


def _each_of(reader: Callable[[str, Any], Any], *names: str) -> dict[str, Any]:
    return dict.fromkeys(names, reader)


_KINDS: dict[str, Callable[[str, Any], Any]] = {
    **_each_of(number, *_table.of_type("float"), *_NUMBERS),
    **_each_of(count, *_table.of_type("int"), *_COUNTS),
    **_each_of(flag, *_table.of_type("bool"), *_FLAGS),
    **_each_of(word, *_table.of_type("text"), *_WORDS),
    **_each_of(word_or_number, *_table.EITHER, "f_star"),
    **_each_of(_list, *_table.of_type("floats")),
    **_each_of(sizes, *_table.of_type("ints"), "split_sizes"),
    "betas": betas,
    "backup_betas": betas,
    "ns_coefficients": lambda name, value: several(name, value, 3),
    "roles": _each(str, "a list of texts"),
    "layouts": _each(Mapping, "a list of dicts"),
}


def read(name: str, value: Any) -> Any:
    """``value`` as the option ``name`` takes it; of other names, as it is."""
    kind = _KINDS.get(name)
    if kind is None or (value is None and name in _OPTIONAL):
        return value
    if name in _IN_PLACE and isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")  # torch's words
        return value
    return kind(name, value)


def clean(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group, or options, with plain values; TypeError or ValueError names the option."""
    return {key: read(key, value) for key, value in group.items()}


def clean_group(
    group: Mapping[str, Any], number: int, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The same of a group's keys that are ``options``, naming the group; others may be anything."""
    try:
        return {**group, **clean({key: group[key] for key in options if key in group})}
    except (TypeError, ValueError) as error:
        raise type(error)(f"param_groups[{number}]: {error}") from None


def now(name: str, value: Any) -> float:
    """A number that is read at every step."""
    return value if type(value) is float else float(number(name, value))
