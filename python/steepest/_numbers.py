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
_IN_PLACE = ("lr", "backup_lr", "weight_decay")
# Of this face alone; what the engine has is in the table of options.
_NUMBERS = ("backup_lr_ratio",)
_COUNTS = ("ns_steps", "num_heads", "split_dim")
_FLAGS = ("bias_correction", "transposed", "amsgrad", *_table.FLAGS)
_WORDS = ("view", "role", "adjust_lr_fn", "recipe")
# None means "the default" or "none" here.
_OPTIONAL = _table.OPTIONAL | {"role", "num_heads", "split_sizes", "fused", "backup_betas"}
_OPTIONAL |= {"adjust_lr_fn", "polar", "radius", "amsgrad", "roles", "layouts", "backup_lr_ratio"}


def shown(value: object) -> str:
    """A value for a message: in one line of at most 80 characters."""
    if isinstance(value, str):
        return f'"{value[:60]}"'
    shape = getattr(value, "shape", None)
    if shape is not None and tuple(shape) != ():
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    text = repr(value)
    return f"a {type(value).__name__}" if "\n" in text else " ".join(text.split())[:80]


def _scalar(value: Any) -> Any:
    """The Python number in a tensor or array of one element; anything else as it is."""
    if isinstance(value, Tensor):
        return value.detach().item() if value.numel() == 1 and not value.is_meta else value
    one = hasattr(value, "item") and getattr(value, "size", 0) == 1
    return value.item() if one else value


def _refuse(name: str, value: object, allowed: str) -> None:
    """Raises TypeError: the option ``name`` has received ``value`` where ``allowed`` is meant."""
    text = f"{name}: received {shown(value)}, allowed {allowed}"
    if isinstance(value, (str, bytes)) and "number" in allowed:
        text += ", not text (YAML reads 1e-3 as text: write 1.0e-3)"
    raise TypeError(text)


def number(name: str, value: Any) -> float:
    """The finite number that the option ``name`` was given, from Python, numpy or torch.

    Raises TypeError for text, flags and what is no number, ValueError for NaN and Inf.
    """
    plain = _scalar(value)
    real = isinstance(plain, (numbers.Real, Decimal)) and not isinstance(plain, bool)
    if not real:
        _refuse(name, value, "a number")
    try:
        result = plain if type(plain) in (int, float) else float(plain)
        finite = math.isfinite(result)
    except (OverflowError, ValueError):
        finite = False
    if not finite:
        raise ValueError(f"{name}: received {shown(plain)}, allowed a finite number")
    return result


def number_between(name: str, value: object, low: float, high: float) -> float:
    """The number ``value`` of the argument ``name``; ValueError unless it is in [low, high]."""
    x = number(name, value)
    if not low <= x <= high:
        raise ValueError(f"{name}: received {x:g}, allowed {low:g} to {high:g}")
    return x


def number_or_nan(name: str, value: Any) -> float:
    """:func:`number`, and NaN and Inf too: a loss may come to them."""
    plain = _scalar(value)
    wild = isinstance(plain, float) and not math.isfinite(plain)
    return plain if wild else number(name, value)


def count(name: str, value: Any) -> int:
    """The whole number that the option ``name`` was given, perhaps as a float such as 3.0.

    Raises TypeError for what is no number, ValueError for one that is not whole.
    """
    result = number(name, value)
    if result != int(result):
        raise ValueError(f"{name}: received {shown(value)}, allowed a whole number")
    return int(result)


def flag(name: str, value: Any) -> bool:
    """The flag that the option ``name`` was given; 1 and 0 are flags, else TypeError."""
    plain = _scalar(value)
    if not isinstance(plain, (bool, int)) or plain not in (0, 1):
        _refuse(name, value, "True or False")
    return bool(plain)


def word(name: str, value: Any) -> str:
    """The text that the option ``name`` was given; raises TypeError for anything else."""
    if not isinstance(value, str):
        _refuse(name, value, "text")
    return str(value)


def word_or_number(name: str, value: Any) -> str | float:
    """The text or the finite number that the option ``name`` was given, such as a radius."""
    return str(value) if isinstance(value, str) else number(name, value)


def several_numbers(name: str, value: Any, length: int | None = None) -> tuple[float, ...]:
    """The finite numbers that the option ``name`` was given as a tuple, a list or an array.

    There must be ``length`` of them where that is given. Raises TypeError for anything else,
    ValueError for another number of them.
    """
    allowed = "numbers" if length is None else f"{length} numbers"
    bare = isinstance(value, (str, bytes, Mapping, set)) or not isinstance(value, Iterable)
    if bare or getattr(value, "shape", None) == ():
        _refuse(name, value, allowed)
    result = tuple(number(f"{name}[{i}]", item) for i, item in enumerate(value))
    if length is not None and len(result) != length:
        raise ValueError(f"{name}: received {shown(result)}, allowed {allowed}")
    return result


def betas(name: str, value: Any) -> tuple[float, ...]:
    """Adam's (beta1, beta2) from the option ``name``; raises ValueError outside [0, 1)."""
    pair = several_numbers(name, value, 2)
    for index, beta in enumerate(pair):
        if not 0 <= beta < 1:
            raise ValueError(f"{name}[{index}]: received {beta}, allowed 0 to below 1")
    return pair


def whole_numbers(name: str, value: Any) -> list[int]:
    """The whole numbers that the option ``name`` was given as a tuple, a list or an array."""
    return [count(f"{name}[{i}]", item) for i, item in enumerate(several_numbers(name, value))]


def _list_of(kind: type, allowed: str) -> Callable[[str, Any], Any]:
    """Returns a reader of group keys that list a value of type ``kind`` for each parameter.

    ``allowed`` says in the reader's message what the key takes.
    """

    # Returns ``value`` as it is; TypeError, naming the key ``name``, unless it is such a list.
    def read_each(name: str, value: Any) -> Any:
        listed = isinstance(value, (list, tuple))
        if not listed or not all(isinstance(item, kind) for item in value):
            _refuse(name, value, allowed)
        return value

    return read_each


def _list_of_numbers(name: str, value: Any) -> list[float]:
    """:func:`several_numbers` as a list, which is how groups keep options of any length."""
    return list(several_numbers(name, value))


# The reader of each option: it takes the option's name and what the caller gave, and returns the
# plain value.
_READERS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys((*_table.of_type("float"), *_NUMBERS), number),
    **dict.fromkeys((*_table.of_type("int"), *_COUNTS), count),
    **dict.fromkeys((*_table.of_type("bool"), *_FLAGS), flag),
    **dict.fromkeys((*_table.of_type("text"), *_WORDS), word),
    **dict.fromkeys((*_table.EITHER, "f_star"), word_or_number),
    **dict.fromkeys(_table.of_type("floats"), _list_of_numbers),
    **dict.fromkeys((*_table.of_type("ints"), "split_sizes"), whole_numbers),
    "betas": betas,
    "backup_betas": betas,
    "ns_coefficients": lambda name, value: several_numbers(name, value, 3),
    "roles": _list_of(str, "a list of texts"),
    "layouts": _list_of(Mapping, "a list of dicts"),
}


def read_option(name: str, value: Any) -> Any:
    """The plain value of the option ``name`` that was given ``value``.

    A tensor of one element stays one where schedulers write it in place. Under a name that is no
    option anything goes. TypeError or ValueError names the option.
    """
    reader = _READERS.get(name)
    if reader is None or (value is None and name in _OPTIONAL):
        return value
    if name in _IN_PLACE and isinstance(value, Tensor):
        if value.numel() != 1:
            raise ValueError(f"Tensor {name} must be 1-element")  # torch's words
        return value
    return reader(name, value)


def clean_options(group: Mapping[str, Any]) -> dict[str, Any]:
    """A group, or options, with every value read by :func:`read_option`."""
    return {key: read_option(key, value) for key, value in group.items()}


def clean_group(
    group: Mapping[str, Any], number: int, options: Mapping[str, Any]
) -> dict[str, Any]:
    """A parameter group with plain values under those of its keys that are ``options``.

    Other keys may hold anything. TypeError or ValueError names the group, by its ``number``, and
    the option.
    """
    try:
        return {**group, **clean_options({key: group[key] for key in options if key in group})}
    except (TypeError, ValueError) as error:
        raise type(error)(f"param_groups[{number}]: {error}") from None


def read_rate(name: str, value: Any) -> float:
    """:func:`number` as a float, for options that a step reads: a float is let through unseen.

    The engine checks it at the step.
    """
    return value if type(value) is float else float(number(name, value))
