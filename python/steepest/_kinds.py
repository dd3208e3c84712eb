# SPDX-License-Identifier: Apache-2.0
"""What the values of a saved parameter group may be."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from steepest import _table
from steepest._options import LAYOUT, Group


def is_dense(value: Any) -> bool:
    """A tensor whose entries can be read: no subclass, not sparse, nested, quantized or meta."""
    if type(value) not in (Tensor, torch.nn.Parameter) or value.is_nested or value.is_quantized:
        return False
    return value.layout == torch.strided and not value.is_meta


def plain(value: Any) -> Any:
    """A number of numpy, or a tensor of one element, as Python's; anything else as it is."""
    single = is_dense(value) and value.numel() == 1
    if single or (type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()):
        return value.item()
    return value


def is_number(value: Any) -> bool:
    value = plain(value)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    return is_number(value) and float(plain(value)).is_integer()


def _is_flag(value: Any) -> bool:
    return isinstance(plain(value), bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    if isinstance(value, Tensor):
        return False
    return isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray"


def _numbers(count: int | None) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        if not _is_list(value) or (count is not None and len(value) != count):
            return False
        return all(is_number(item) for item in value)

    return fits


def _is_pair(value: Any) -> bool:
    return _numbers(2)(value) and all(0 <= float(item) < 1 for item in value)


def _whole_numbers(value: Any) -> bool:
    return _is_list(value) and all(_is_whole(item) for item in value)


def _is_dtype(value: Any) -> bool:
    return isinstance(value, (str, torch.dtype))


# Of every kind: what is allowed in words, the test, what is kept.
_Kind = tuple[str, Callable[[Any], bool], Callable[[Any], Any]]
_as_list = lambda value: [float(item) for item in value]
_as_tuple = lambda value: tuple(float(item) for item in value)
_NUMBER: _Kind = ("a finite number", is_number, plain)
_rate = lambda value: value if isinstance(value, Tensor) else plain(value)
_RATE: _Kind = ("a finite number", is_number, _rate)  # a tensor of torch's stays one
_WHOLE: _Kind = ("a whole number", _is_whole, lambda value: int(plain(value)))
_FLAG: _Kind = ("True or False", _is_flag, plain)
_TEXT: _Kind = ("text", _is_text, str)
_PAIR: _Kind = ("two numbers from 0 to below 1", _is_pair, _as_tuple)
_TRIPLE: _Kind = ("three finite numbers", _numbers(3), _as_tuple)
_LIST: _Kind = ("a list of numbers", _numbers(None), _as_list)
_COUNTS: _Kind = ("a list of whole numbers", _whole_numbers, lambda v: [int(n) for n in v])
_DTYPE: _Kind = ("a dtype", _is_dtype, lambda value: value)
_RADIUS: _Kind = ("text or a number", lambda v: _is_text(v) or is_number(v), plain)
_F_STAR: _Kind = ('a finite number or "auto"', lambda v: v == "auto" or is_number(v), plain)
_LISTED: _Kind = ("a list", lambda v: isinstance(v, (list, tuple)), list)


def _rows(*rows: tuple[Any, ...]) -> dict[str, _Kind]:
    return {key: kind for kind, *keys in rows for key in keys}


# What the engine has is in the table of options, the rest is of this face and of schedulers.
KINDS = _rows(
    (_NUMBER, *_table.of_type("float"), "lr_ratio", "backup_lr_ratio"),
    (_NUMBER, "base_momentum", "max_momentum"),
    (_RATE, "lr", "initial_lr", "max_lr", "min_lr", "swa_lr"),
    (_WHOLE, *_table.of_type("int"), "ns_steps", "num_heads", "split_dim"),
    (_FLAG, *_table.of_type("bool"), "bias_correction", "amsgrad", "transposed"),
    (_FLAG, *_table.FLAGS),
    (_TEXT, *_table.of_type("text"), "recipe", "adjust_lr_fn", "role", "view"),
    (_PAIR, "betas", "backup_betas"),
    (_TRIPLE, "ns_coefficients"),
    (_LIST, *_table.of_type("floats")),
    (_COUNTS, *_table.of_type("ints"), "split_sizes"),
    (_DTYPE, *_table.of_type("dtype")),
    (_RADIUS, *_table.EITHER),
    (_F_STAR, "f_star"),
    (_LISTED, "roles", "layouts"),
)
# Those that a class may leave open.
_NONE = _table.OPTIONAL | {"num_heads", "fused", "polar", "adjust_lr_fn", "role", "backup_betas"}
_NONE |= {"split_sizes", "radius", "roles", "layouts"}


def tensor_kind(value: Tensor) -> str:
    """In words, of a tensor that is not dense."""
    if type(value) not in (Tensor, torch.nn.Parameter):
        return type(value).__name__
    kinds = {"nested tensor": value.is_nested, "quantized tensor": value.is_quantized}
    kinds["tensor on the meta device"] = value.is_meta
    layout = str(value.layout).removeprefix("torch.")
    return next((kind for kind, is_it in kinds.items() if is_it), f"{layout} tensor")


def show(value: Any) -> str:
    """A value in one short line."""
    if is_dense(value):
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, Tensor):
        return f"a {tensor_kind(value)}"
    if isinstance(value, Mapping):
        return "a dict"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def read_value(where: str, key: str, value: Any) -> Any:
    """What a group keeps of a saved value; ValueError where it is of another kind."""
    if key not in KINDS:
        return value  # schedulers' and other programs' own, as torch keeps them
    allowed, fits, keep = KINDS[key]
    if value is None and key in _NONE:
        return None
    if not fits(value):
        none = " or None" if key in _NONE else ""
        raise ValueError(f"{where}: {key}: received {show(value)}, allowed {allowed}{none}")
    return keep(value)


def read_lists(where: str, group: Group, count: int) -> None:
    """The roles and layouts of a group's parameters."""
    for key, kind in (("roles", str), ("layouts", Mapping)):
        for index, value in enumerate(group.get(key) or ()):
            if not isinstance(value, kind):
                allowed = "text" if kind is str else "a dict"
                raise ValueError(
                    f"{where}: {key}[{index}]: received {show(value)}, allowed {allowed}"
                )
    for index, layout in enumerate(group.get("layouts") or ()):
        for key in LAYOUT:
            if key in layout:
                read_value(f"{where}: layouts[{index}]", key, layout[key])
    names = group.get("param_names")
    if "param_names" not in group:
        return
    listed = isinstance(names, (list, tuple)) and len(names) == count
    if not listed or not all(isinstance(name, str) for name in names or ()):
        raise ValueError(
            f"{where}: param_names: received {show(names)}, allowed a name for each of {count} "
            "parameters"
        )
