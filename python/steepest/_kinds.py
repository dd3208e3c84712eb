# SPDX-License-Identifier: Apache-2.0
"""What the values of a saved parameter group may be."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steepest import _table
from steepest._options import LAYOUT, Group


def is_dense(value: Any) -> bool:
    """Whether it is a tensor whose entries can be read.

    Subclasses, sparse, nested, quantized and meta tensors are not.
    """
    if type(value) not in (Tensor, torch.nn.Parameter) or value.is_nested or value.is_quantized:
        return False
    return value.layout == torch.strided and not value.is_meta


def plain(value: Any) -> Any:
    """The Python number in a number of numpy or a tensor of one element; anything else as it is."""
    single = is_dense(value) and value.numel() == 1
    if single or (type(value).__module__ == "numpy" and getattr(value, "shape", None) == ()):
        return value.item()
    return value


def is_number(value: Any) -> bool:
    """Whether it is one finite real number of Python, numpy or torch; flags are none."""
    value = plain(value)
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _is_whole(value: Any) -> bool:
    """Whether it is one whole number of Python, numpy or torch, perhaps a float such as 3.0."""
    return is_number(value) and float(plain(value)).is_integer()


def _is_flag(value: Any) -> bool:
    """Whether it is one bool of Python, numpy or torch."""
    return isinstance(plain(value), bool)


def _is_text(value: Any) -> bool:
    """Whether it is a str."""
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    """Whether it is a list, a tuple or an array of numpy, but no tensor."""
    if isinstance(value, Tensor):
        return False
    return isinstance(value, (list, tuple)) or type(value).__name__ == "ndarray"


def _is_list_of(count: int | None) -> Callable[[Any], bool]:
    """Returns a test for lists of ``count`` finite numbers, or of any number of them (None)."""

    # Whether ``value`` is such a list, a tuple or an array of numpy.
    def fits(value: Any) -> bool:
        if not _is_list(value) or (count is not None and len(value) != count):
            return False
        return all(is_number(item) for item in value)

    return fits


def _is_pair_of_betas(value: Any) -> bool:
    """Whether it is Adam's (beta1, beta2), a list of two numbers in [0, 1)."""
    return _is_list_of(2)(value) and all(0 <= float(item) < 1 for item in value)


def _is_list_of_whole_numbers(value: Any) -> bool:
    """Whether it is a list, a tuple or an array of whole numbers, perhaps floats such as 3.0."""
    return _is_list(value) and all(_is_whole(item) for item in value)


def _is_dtype(value: Any) -> bool:
    """Whether it is a torch.dtype, or text that may be the name of one."""
    return isinstance(value, (str, torch.dtype))


class _Kind(NamedTuple):
    """What the value of a saved group's key may be."""

    allowed: str  # in words, for the message
    fits: Callable[[Any], bool]
    keep: Callable[[Any], Any]  # from a value that fits to what the group holds


_as_list = lambda value: [float(item) for item in value]
_as_tuple = lambda value: tuple(float(item) for item in value)
_NUMBER = _Kind("a finite number", is_number, plain)
_rate = lambda value: value if isinstance(value, Tensor) else plain(value)
_RATE = _Kind("a finite number", is_number, _rate)  # a tensor of torch's stays one
_WHOLE = _Kind("a whole number", _is_whole, lambda value: int(plain(value)))
_FLAG = _Kind("True or False", _is_flag, plain)
_TEXT = _Kind("text", _is_text, str)
_PAIR = _Kind("two numbers from 0 to below 1", _is_pair_of_betas, _as_tuple)
_TRIPLE = _Kind("three finite numbers", _is_list_of(3), _as_tuple)
_LIST = _Kind("a list of numbers", _is_list_of(None), _as_list)
_COUNTS = _Kind("a list of whole numbers", _is_list_of_whole_numbers, lambda v: [int(n) for n in v])
_DTYPE = _Kind("a dtype", _is_dtype, lambda value: value)
_RADIUS = _Kind("text or a number", lambda v: _is_text(v) or is_number(v), plain)
_F_STAR = _Kind('a finite number or "auto"', lambda v: v == "auto" or is_number(v), plain)
_LISTED = _Kind("a list", lambda v: isinstance(v, (list, tuple)), list)


def _kind_of_each_key(*rows: tuple[Any, ...]) -> dict[str, _Kind]:
    """Returns {key: kind}, which says what values a group may hold under each key.

    A row is (kind, key, key, ..): a kind, and the keys whose values are of it.
    """
    return {key: kind for kind, *keys in rows for key in keys}


# What the engine has is in the table of options, the rest is of this face and of schedulers.
KINDS = _kind_of_each_key(
    (_NUMBER, *_table.of_type("float"), "backup_lr_ratio"),
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
_NONE |= {"backup_lr_ratio", "split_sizes", "radius", "roles", "layouts"}


def tensor_kind(value: Tensor) -> str:
    """What a tensor is that is not dense, in words for a message: "nested tensor", .."""
    if type(value) not in (Tensor, torch.nn.Parameter):
        return type(value).__name__
    kinds = {"nested tensor": value.is_nested, "quantized tensor": value.is_quantized}
    kinds["tensor on the meta device"] = value.is_meta
    layout = str(value.layout).removeprefix("torch.")
    return next((kind for kind, is_it in kinds.items() if is_it), f"{layout} tensor")


def show(value: Any) -> str:
    """A value for a message: in one line of at most 60 characters."""
    if is_dense(value):
        return f"a tensor of shape {tuple(value.shape)} and {value.dtype}"
    if isinstance(value, Tensor):
        return f"a {tensor_kind(value)}"
    if isinstance(value, Mapping):
        return "a dict"
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."


def read_value(where: str, key: str, value: Any) -> Any:
    """Returns what a group is to hold under ``key`` for the ``value`` that a saved group has there.

    Raises ValueError, which begins with ``where`` ("param_groups[0]"), where the value is not of
    the kind that the key has. Keys that are no options are taken as they are.
    """
    if key not in KINDS:
        return value  # schedulers' and other programs' own, as torch keeps them
    kind = KINDS[key]
    if value is None and key in _NONE:
        return None
    if not kind.fits(value):
        none = " or None" if key in _NONE else ""
        raise ValueError(f"{where}: {key}: received {show(value)}, allowed {kind.allowed}{none}")
    return kind.keep(value)


def check_lists(where: str, group: Group) -> None:
    """Raises ValueError unless what a saved group lists for each parameter is of the right kinds.

    These are the items of its roles, layouts and param_names; the message begins with ``where``.
    """
    _check_items(f"{where}: roles", group.get("roles"), str, "text")
    _check_items(f"{where}: layouts", group.get("layouts"), Mapping, "a dict")
    for index, layout in enumerate(group.get("layouts") or ()):
        for key in LAYOUT:
            if key in layout:
                read_value(f"{where}: layouts[{index}]", key, layout[key])
    if "param_names" in group:
        _check_names(where, group["param_names"], len(group["params"]))


def _check_items(where: str, items: Any, kind: type, allowed: str) -> None:
    """Raises ValueError for an item that is no ``kind``, which ``allowed`` says in words."""
    for index, item in enumerate(items or ()):
        if not isinstance(item, kind):
            raise ValueError(f"{where}[{index}]: received {show(item)}, allowed {allowed}")


def _check_names(where: str, names: Any, count: int) -> None:
    """Raises ValueError unless the names are a list of ``count`` texts."""
    listed = isinstance(names, (list, tuple)) and len(names) == count
    if not listed or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"{where}: param_names: received {show(names)}, allowed a name for each of {count} "
            "parameters"
        )
