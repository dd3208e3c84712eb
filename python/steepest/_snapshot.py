# SPDX-License-Identifier: Apache-2.0
"""state_dicts that stay as they were made, without a copy unless one is still held at a step."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steepest import _shared


class Loan(NamedTuple):
    """A view that a state_dict shows, and the number of tensors that had its memory before."""

    view: weakref.ref[Tensor]
    owner: Any  # a key of the state
    name: str  # in its entry
    users: int


def _memory_users(value: Tensor) -> int:
    """How many tensors, and arrays of numpy, have this memory; 0 where torch does not tell."""
    count = getattr(torch._C, "_storage_Use_Count", None)
    return count(_shared.local(value).untyped_storage()._cdata) if count is not None else 0


def copied(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A deep copy of lists, tuples, dicts and tensors; anything else is the same object.

    One tensor that occurs twice, as Momo's model does in every group, is one tensor in the copy,
    too: ``memo`` has the copies made so far, by the id of the original.
    """
    memo = {} if memo is None else memo
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, Tensor):
        made: Any = value.detach().clone()
    elif type(value) in (list, tuple):
        made = type(value)(copied(item, memo) for item in value)
    elif type(value) is dict:
        made = {key: copied(item, memo) for key, item in value.items()}
    else:
        return value
    memo[id(value)] = made
    return made


def _same_memory(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors lie in one storage."""
    first, second = _shared.local(a), _shared.local(b)
    return first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()


class Loans:
    """The state tensors that a state_dict still shows.

    A state_dict has views of them. The next step first replaces those whose views are alive by
    copies, so that what was saved stays; nothing is copied where the state_dict is gone by then.
    What was made of a view, by detach() or numpy(), holds its memory as well.
    """

    # Begins with no tensor lent.
    def __init__(self) -> None:
        # By the id of the key in the state, a parameter as a rule, and the name in its entry.
        self._made: dict[tuple[int, str], Loan] = {}

    def lend(self, state_dict: Any, state: MutableMapping[Any, Any]) -> Any:
        """The state_dict as it is handed out, so that later steps do not change it.

        In it views stand for the tensors of ``state``, the optimizer's, which are remembered for
        :meth:`copy_held`; its groups are copied. Anything but a dict, which a hook may have made,
        is returned as it is.
        """
        if not isinstance(state_dict, Mapping):
            return state_dict  # of a hook
        live = {
            id(value): (owner, name)
            for owner, entry in state.items()
            if isinstance(entry, MutableMapping)
            for name, value in entry.items()
            if isinstance(value, Tensor)
        }
        shown = dict(state_dict)
        if isinstance(entries := shown.get("state"), Mapping):
            shown["state"] = {key: self._lend_entry(entry, live) for key, entry in entries.items()}
        if "param_groups" in shown:
            shown["param_groups"] = copied(shown["param_groups"])
        return shown

    def _lend_entry(self, entry: Any, live: dict[int, tuple[Any, str]]) -> Any:
        """A copy of a parameter's ``entry`` of the state, with views in place of state tensors.

        ``live`` has, by id(tensor), the key (the parameter) and the name under which the
        optimizer's state has each tensor. What is no dict is returned as it is.
        """
        if not isinstance(entry, Mapping):
            return entry
        return {
            name: self._lend_tensor(value, *live[id(value)]) if id(value) in live else value
            for name, value in entry.items()
        }

    def _lend_tensor(self, value: Tensor, owner: Any, name: str) -> Tensor:
        """A view of the state tensor ``value``, remembered so that :meth:`copy_held` can find it.

        ``owner`` and ``name`` are its keys in the state. It is the view that an earlier state_dict
        has of it, while that is alive and of the same memory.
        """
        loan = self._made.get((id(owner), name))
        view = loan.view() if loan else None
        if view is None or not _same_memory(view, value):
            users = loan.users if loan else _memory_users(value)
            view = value.detach()
            self._made[id(owner), name] = Loan(weakref.ref(view), owner, name, users)
        return view

    def copy_held(self, state: MutableMapping[Any, Any]) -> None:
        """Before a step: puts copies into ``state`` for the tensors that a state_dict still holds.

        What it holds keeps its memory. A tensor whose view is gone is held where its memory has
        more users than before it was lent: something was made of the view. No loan is left then.
        """
        for view, owner, name, users in self._made.values():
            shown, entry = view(), state.get(owner)
            value = entry.get(name) if isinstance(entry, MutableMapping) else None
            if not isinstance(value, Tensor):
                continue
            held = _memory_users(value) > users if shown is None else _same_memory(shown, value)
            if held:
                entry[name] = value.clone()  # type: ignore[index]
        self._made.clear()


def copied_on(value: Any, device: torch.device) -> Any:
    """A copy of a value that the program around keeps in a parameter's state.

    A tensor is copied to ``device``, the parameter's, unless it is a meta tensor.
    """
    if isinstance(value, Tensor) and not value.is_meta:
        return value.detach().to(device=device, copy=True)
    return copied(value)
