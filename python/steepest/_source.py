# SPDX-License-Identifier: Apache-2.0
"""A state_dict from outside, taken apart with every value of a kind that is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from steepest import _kinds, _stored
from steepest._kinds import show
from steepest._options import Group


@dataclass
class Saved:
    """A parameter in a state_dict."""

    group: int  # its number
    index: int  # in its group
    name: str | None
    where: str  # begins messages of its state: "state[3]", with the name before it if there is one
    entry: Any  # its state as it stands in the state_dict, not looked at yet


@dataclass
class Source:
    """A state_dict whose structure has been looked at."""

    groups: list[Group]
    params: list[Saved]
    others: dict[str, Any] = field(default_factory=dict)  # state that belongs to no parameter

    @property
    def sizes(self) -> list[int]:
        """The number of parameters of each group."""
        return [len(group["params"]) for group in self.groups]

    @property
    def names(self) -> list[str] | None:
        """The names of all parameters in their order; None where one has none."""
        names = [saved.name for saved in self.params]
        return None if any(name is None for name in names) else names  # type: ignore[return-value]


def read_source(state_dict: Any) -> Source:
    """Takes a state_dict apart: its groups with checked values, its parameters, other state.

    Raises TypeError or ValueError unless it is built as torch builds state_dicts.
    """
    _check_parts(state_dict)
    seen: set[Any] = set()
    source, state = Source([], []), state_dict["state"]
    for number, group in enumerate(state_dict["param_groups"]):
        where = f"param_groups[{number}]"
        source.groups.append(_read_group(where, group))
        names = source.groups[-1].get("param_names")
        for index, key in enumerate(group["params"]):
            if key in seen:
                raise ValueError(f"{where}: params: received {show(key)} twice")
            seen.add(key)
            name = names[index] if names else None
            place = f"state[{key}]" if name is None else f"{name}: state[{key}]"
            source.params.append(Saved(number, index, name, place, state.get(key, {})))
    source.others = _other_state(state, seen)
    return source


def _other_state(state: Mapping[Any, Any], seen: set[Any]) -> dict[str, Any]:
    """What hooks and programs keep in a state_dict's "state" under names of their own.

    ``seen`` are the keys of parameters. Raises ValueError for a parameter's state that is in no
    group.
    """
    others: dict[str, Any] = {}
    for key, entry in state.items():
        if key in seen:
            continue
        is_param_state = isinstance(entry, Mapping) and entry.keys() & _stored.KNOWN
        if is_param_state or not isinstance(key, str):
            raise ValueError(f"state: received {show(key)}, which is in no group's params")
        others[key] = entry
    return others


def _check_parts(state_dict: Any) -> None:
    """Raises TypeError or ValueError unless it has a list "param_groups" and a dict "state"."""
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"received {show(state_dict)}, allowed an optimizer's state_dict")
    parts: tuple[tuple[str, Any, str], ...] = (
        ("param_groups", (list, tuple), "a list"),
        ("state", Mapping, "a dict"),
    )
    for key, kind, words in parts:
        if key not in state_dict:
            raise ValueError(f"received no {key}, allowed an optimizer's state_dict")
        if not isinstance(state_dict[key], kind):
            raise ValueError(f"{key}: received {show(state_dict[key])}, allowed {words}")


def _is_key(value: Any) -> bool:
    """Whether it may stand for a parameter in "params" and as a key of "state".

    torch numbers parameters there; torch.distributed.checkpoint has their names.
    """
    return isinstance(_kinds.plain(value), (int, str)) and not isinstance(value, (bool, Tensor))


def _read_group(where: str, group: Any) -> Group:
    """A saved group with its values as an optimizer's group holds them.

    Raises ValueError, which begins with ``where`` ("param_groups[0]"), where a value is of another
    kind.
    """
    if not isinstance(group, Mapping):
        raise ValueError(f"{where}: received {show(group)}, allowed a dict")
    if "params" not in group:
        raise ValueError(f"{where}: received no params")
    params = group["params"]
    if not isinstance(params, (list, tuple)) or not all(_is_key(key) for key in params):
        raise ValueError(f"{where}: params: received {show(params)}, allowed a list of numbers")
    for key in group:
        if not isinstance(key, str):
            raise ValueError(f"{where}: received the key {show(key)}, allowed text")
    read = {key: _kinds.read_value(where, key, value) for key, value in group.items()}
    _kinds.check_lists(where, read)
    return read
