# SPDX-License-Identifier: Apache-2.0
"""One parameter's saved state, checked against what the engine keeps of it."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steepest import _shared, _state
from steepest._kinds import is_dense, plain, show, tensor_kind
from steepest._library import ops
from steepest._plan import Plan
from steepest._snapshot import copied_on

State = dict[str, Any]

_MOST_STEPS = 2**53
_SINGLE = 2**24  # to where float32 counts
# What the engine makes itself where it is missing: all of it follows from the rest.
_MADE = {"right_basis", "intercept", "dual"}
_AT_LEAST_ZERO = {"exp_avg_sq", "dual"}
_REAL = (torch.float64, torch.float32, torch.bfloat16, torch.float16)
# Those of any recipe, under torch's names.
KNOWN = {"step", "momentum_buffer", "exp_avg", "exp_avg_sq", "max_exp_avg_sq", *_MADE}


@dataclass(frozen=True)
class Wanted:
    """What a parameter's state consists of: shapes and dtypes, without memory."""

    param: Tensor
    tensors: dict[str, Tensor]  # on the meta device
    momentum: str  # its name, which the state has or could have
    shaped: set[str]  # the names of those of the parameter's own shape

    @property
    def names(self) -> list[str]:
        """The keys of the state: the step count's and the tensors'."""
        return ["step", *self.tensors]


def wanted(plan: Plan, params: list[Tensor]) -> list[Wanted]:
    """What the state of each of the plan's parameters consists of, in the plan's order.

    The tensors, which have shapes and dtypes but no memory, are those that the engine would make.
    """
    like = [torch.empty_like(_shared.local(p), device="meta", requires_grad=False) for p in params]
    made = iter(ops.make_states(like, plan.text, list(range(len(params)))))
    every = [{name: next(made) for name in names} for names in plan.state]
    momentum = ["exp_avg" if "exp_avg_sq" in tensors else "momentum_buffer" for tensors in every]
    shaped = [own | {name} for own, name in zip(plan.shaped, momentum)]
    return [Wanted(*one) for one in zip(params, every, momentum, shaped)]


def read_step(where: str, value: Any) -> Tensor:
    """A saved step count as a new 0-dim tensor on the CPU.

    It keeps a saved float32 or float64, else has torch's dtype for it; float64 from 2^24 steps on,
    where float32 stops counting. Raises ValueError, which begins with ``where``, unless it is a
    whole number from 0 up.
    """
    number = None
    found = plain(value)
    if isinstance(found, numbers.Real) and not isinstance(found, bool):
        number = float(found)
    whole = number is not None and math.isfinite(number) and number.is_integer()
    if number is None or not whole or not 0 <= number < _MOST_STEPS:
        received = show(value) if number is None else f"{number:g}"
        raise ValueError(f"{where}: received {received}, allowed a whole number from 0 up")
    dtype = _state.scalar_dtype()
    if isinstance(value, Tensor) and value.dtype in (torch.float32, torch.float64):
        dtype = value.dtype
    if number >= _SINGLE:
        dtype = torch.float64
    return torch.tensor(number, dtype=dtype, device="cpu")


def check_tensor(where: str, value: Any, shape: list[int] | None) -> None:
    """Raises ValueError unless it is a dense real tensor of this shape with finite entries.

    ``where`` begins the message, and None allows any shape.
    """
    if not isinstance(value, Tensor):
        raise ValueError(f"{where}: received {show(value)}, allowed a tensor")
    if not is_dense(value):
        raise ValueError(f"{where}: received a {tensor_kind(value)}, allowed a dense tensor")
    if value.dtype not in _REAL:
        raise ValueError(f"{where}: received {value.dtype}, allowed a real floating dtype")
    if shape is not None and list(value.shape) != shape:
        received, allowed = tuple(value.shape), tuple(shape)
        raise ValueError(f"{where}: received shape {received}, allowed the parameter's {allowed}")
    if not bool(torch.isfinite(value).all()):
        raise ValueError(f"{where}: received NaN or Inf, allowed finite numbers")


def read_tensor(where: str, name: str, value: Any, wish: Wanted) -> Tensor:
    """A copy of the saved tensor ``value``, on the device of the parameter that ``wish`` is of.

    ``name`` is its key in the parameter's state. It keeps the dtype in which it was saved, but for
    those that the engine could make itself. Raises ValueError, which begins with ``where``, where
    its shape, kind or numbers do not fit.
    """
    like = wish.tensors.get(name)
    is_shaped = name in wish.shaped
    if is_shaped:
        value = _shared.part_of(wish.param, value)
    # A basis that the recipe of now does not use may have any shape.
    shape = list(_shared.local(wish.param).shape) if name == wish.momentum else None
    check_tensor(where, value, shape if like is None else list(like.shape))
    if name in _AT_LEAST_ZERO and bool((value < 0).any()):
        raise ValueError(f"{where}: received a negative number, allowed numbers from 0 up")
    dtype = like.dtype if like is not None and name in _MADE else value.dtype
    tensor: Tensor = value.detach().to(device=wish.param.device, dtype=dtype, copy=True)
    return _shared.like(wish.param, tensor) if is_shaped else tensor


def _check_complete(where: str, given: State, wish: Wanted, foreign: bool) -> None:
    """Raises ValueError where the saved state ``given`` lacks a key that cannot be made.

    ``where`` begins the message; ``foreign``: it is of torch's class.
    """
    begun = foreign and "momentum_buffer" in given  # torch's SGD and Muon count no steps
    for name in wish.names:
        if name not in given and name not in _MADE and not (name == "step" and begun):
            raise ValueError(f"{where}: received no {name}")


def read_entry(where: str, entry: Any, wish: Wanted, foreign: bool) -> State:
    """A parameter's state as the engine keeps it, in copies; {} where it has none yet.

    ``entry`` is the saved one, ``where`` its place for messages, ``wish`` what it must fit.
    ``foreign``: of another library, whose keys all have a meaning for the state. Other keys of our
    own state_dicts belong to the program around and are kept, as torch does. Raises ValueError
    naming the first key that does not fit.
    """
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: received {show(entry)}, allowed a dict")
    given = {key: value for key, value in entry.items() if value is not None}
    allowed = {*wish.names, wish.momentum, "right_basis"}
    for key in given:
        if key not in allowed and (foreign or key in KNOWN):
            names = ", ".join(wish.names)
            raise ValueError(f"{where}.{key}: received a value, allowed {names} of this optimizer")
    if given.keys() & KNOWN:
        _check_complete(where, given, wish, foreign)
    read: State = {}
    for key, value in given.items():
        place = f"{where}.{key}"
        if key == "step":
            read[key] = read_step(place, value)
        elif key in allowed:
            read[key] = read_tensor(place, key, value, wish)
        else:
            read[key] = copied_on(value, wish.param.device)
    return read
