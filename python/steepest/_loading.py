# SPDX-License-Identifier: Apache-2.0
"""load_state_dict: everything is compared before anything changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from steepest import _choices, _names, _options, _state, _stored, _table
from steepest._kinds import show
from steepest._options import LAYOUT, PLAIN, Group
from steepest._places import compare_place
from steepest._plan import Plan
from steepest._rates import in_todays_keys, role_of, sole_role
from steepest._snapshot import copied
from steepest._source import Saved, Source, read_source

if TYPE_CHECKING:
    from steepest._saving import Stateful

# What a parameter is here; the saved group must mean the same, see _check_places.
_PLACE = {"role", "roles", "layouts", *LAYOUT}
# Kept as they are here: what a group is, and flags of torch's kernels.
_KEPT = {"params", "param_names", "recipe", "momo", "momo_step"}
_KEPT |= {"fused", "capturable", "differentiable"}


# -- who is who ------------------------------------------------------------------------------------


def all_names(groups: list[Group]) -> list[str] | None:
    """The names of all parameters, in the groups' order; None where a group has none."""
    if not all("param_names" in group for group in groups if group["params"]):
        return None
    return [name for group in groups for name in group.get("param_names", ())]


def untrained(groups: list[Group]) -> set[int]:
    """The indices, over all groups, of frozen parameters: a saved state may lack them."""
    params = [param for group in groups for param in group["params"]]
    return {index for index, param in enumerate(params) if not param.requires_grad}


def _match(source: Source, groups: list[Group]) -> list[Saved | None]:
    """For each parameter of ``groups``, the optimizer's, its saved one in the state_dict.

    They are matched by name where both sides have names, else by order. None stands for a frozen
    parameter that the state_dict lacks. Raises ValueError where names, or numbers of groups or of
    parameters, differ.
    """
    names = all_names(groups)
    if names and source.names:
        places = _names.pair(source.names, names, untrained(groups))
        return [None if place is None else source.params[place] for place in places]
    if len(source.groups) != len(groups):
        raise ValueError(f"param_groups: received {len(source.groups)}, allowed {len(groups)}")
    for index, group in enumerate(groups):
        count = sum(saved.group == index for saved in source.params)
        if count != len(group["params"]):
            raise ValueError(
                f"param_groups[{index}]: params: received {count}, allowed {len(group['params'])}"
            )
    return list(source.params)


def _saved_groups(source: Source, groups: list[Group], matched: list[Saved | None]) -> list[Group]:
    """For each of ``groups``, the optimizer's, the saved group from which its rates come.

    It is the one that holds the group's parameters, which ``matched`` has in order; {} where none
    of them is saved. Raises ValueError where they are in several groups of different rates.
    """
    chosen, rest = [], list(matched)
    for index, group in enumerate(groups):
        members, rest = rest[: len(group["params"])], rest[len(group["params"]) :]
        numbers = sorted({saved.group for saved in members if saved})
        if not numbers:
            same = index < len(source.groups) and len(source.groups) == len(groups)
            numbers = [index] if same else []
        candidates = [source.groups[number] for number in numbers]
        for key in _choices.differing_keys(candidates, _KEPT | _PLACE) if candidates else ():
            raise ValueError(
                f"param_groups[{index}]: {key}: its parameters are in groups {numbers} of the "
                "state_dict, which differ in it: make the same groups here"
            )
        chosen.append(candidates[0] if candidates else {})
    return chosen


def _check_places(source: Source, groups: list[Group], matched: list[Saved | None]) -> None:
    """Raises ValueError where a parameter's saved role or layout is another than in ``groups``.

    ``matched`` is the saved one of each parameter of ``groups``, the optimizer's. Saved groups
    without any role, such as torch's, are passed over.
    """
    rest = iter(matched)
    for group in groups:
        for index, param in enumerate(group["params"]):
            if (saved := next(rest)) is None:
                continue
            saved_group = source.groups[saved.group]
            if saved_group.get("role") is None and "roles" not in saved_group:
                continue
            full = {**PLAIN, **saved_group}
            there, here = (
                {"role": role_of(where, at, param), **_options.view_of(where, at)}
                for where, at in ((full, saved.index), (group, index))
            )
            compare_place(saved.name or saved.where, there, here, show)


# -- load_state_dict -------------------------------------------------------------------------------


def _loaded_group(group: Group, saved: Group, same_order: bool, take_names: bool) -> Group:
    """The optimizer's ``group`` after a load: with the saved group's rates and other values.

    Roles and layouts, which mean the same on both sides, are taken where the parameters come in
    the ``same_order``; names where ``take_names``.
    """
    kept = _KEPT if same_order else _KEPT | _PLACE
    taken = {key: value for key, value in saved.items() if key not in kept}
    if take_names and "param_names" in saved:
        taken["param_names"] = list(saved["param_names"])
    return {**group, **copied(taken)}


def _check_flags(where: str, group: Group) -> None:
    """Raises ValueError where a loaded ``group`` has amsgrad, or maximize with Momo.

    No step serves these. ``where``, "param_groups[0]", begins the message.
    """
    momo = group.get("step_size") == "momo"
    for key, bad in (("amsgrad", True), ("maximize", momo)):
        if bad and group.get(key):
            raise ValueError(f"{where}: {key}: received True, allowed False")


def load(optimizer: Stateful, state_dict: Any) -> dict[str, Any]:
    """The new state and groups, see Stateful.load_state_dict; the optimizer is not changed.

    Raises ValueError or TypeError in one line, without the name of what was called.
    """
    before = optimizer.param_groups
    plan, source = optimizer._plan(), read_source(state_dict)
    _choices.check_recipe(source.groups, before[0]["recipe"])
    matched = _match(source, before)
    _check_places(source, before, matched)
    groups = _loaded_groups(optimizer, source, matched)
    canonical = [[optimizer._canonical(group) for group in side] for side in (groups, before)]
    _choices.compare_groups(plan, canonical[0], canonical[1])
    if optimizer._momo():
        set_model(groups, read_model(source.groups, optimizer._device()))
    foreign = not _choices.saved_here(source.groups[0]) if source.groups else False
    state = _read_states(optimizer, optimizer._planned(groups), matched, foreign)
    if optimizer._momo():
        check_model(groups[0], state)
    state.update(source.others)
    return {"state": state, "param_groups": groups}


def _loaded_groups(optimizer: Stateful, source: Source, matched: list[Saved | None]) -> list[Group]:
    """The optimizer's groups as they are to be after the load; those that it has are not changed.

    ``matched`` is the saved one of each of its parameters. An optimizer without names takes those
    of the state_dict.
    """
    before = optimizer.param_groups
    saved_groups = [
        in_todays_keys(
            saved if _table.SINCE_0_2 in saved else optimizer._read_old(saved), sole_role(group)
        )
        for group, saved in zip(before, _saved_groups(source, before, matched))
    ]
    take_names = all_names(before) is None and source.names is not None
    same_order = all(a is b for a, b in zip(matched, source.params))
    same_order = same_order and [len(group["params"]) for group in before] == source.sizes
    groups = [
        _loaded_group(group, saved, same_order, take_names)
        for group, saved in zip(before, saved_groups)
    ]
    for index, group in enumerate(groups):
        _check_flags(f"param_groups[{index}]", group)
    return groups


def _read_states(
    optimizer: Stateful, plan: Plan, matched: list[Saved | None], foreign: bool
) -> defaultdict[Any, Any]:
    """The new ``optimizer.state``, by parameter: the saved states, checked and completed.

    ``matched`` is the saved one of each parameter; ``foreign``: they are of torch's class.
    """
    states: defaultdict[Any, Any] = defaultdict(dict)
    expected = _stored.wanted(plan, list(optimizer._params()))
    for index, (wanted, saved) in enumerate(zip(expected, matched)):
        if saved is None:
            continue
        if state := read_state(plan, index, wanted, saved, foreign):
            states[wanted.param] = state
    return states


def read_state(
    plan: Plan, index: int, wanted: _stored.Wanted, saved: Saved, foreign: bool
) -> dict[str, Any]:
    """One parameter's new state, {} where none is saved; raises ValueError where it does not fit.

    ``index`` is the parameter's in the plan, ``wanted`` what its state is made of. Tensors that
    the saved one lacks and that follow from the others are made.
    """
    state = _stored.read_entry(saved.where, saved.entry, wanted, foreign)
    if state.keys() & _stored.KNOWN:
        _state.complete(state, plan, index, wanted.param)
    return state


def check_model(group: Group, state: dict[Any, Any]) -> None:
    """Raises ValueError where Momo's model in ``group`` counts steps and no parameter has state.

    The model is made of the parameters' momenta: these were lost.
    """
    if not state and float(group["momo_step"]) > 0:
        raise ValueError(f"state: received none, but {float(group['momo_step']):g} momo_steps")


def set_model(groups: list[Group], model: tuple[Tensor, Tensor]) -> None:
    """Puts Momo's step count and model, as :func:`read_model` returns them, into all groups.

    The model gets as many numbers as the groups' choices need.
    """
    step, numbers = model[0], _state.fitted_model(model[1], groups[0])
    for group in groups:
        group["momo_step"], group["momo"] = step, numbers


def _model_shape(saved: Any) -> list[int]:
    """The shape that Momo's saved model has to have: [8] where it is [8], and else [3]."""
    return [8] if isinstance(saved, Tensor) and list(saved.shape) == [8] else [3]


def read_model(groups: list[Group], device: Any) -> tuple[Tensor, Tensor]:
    """Momo's step count (0-dim, on the CPU) and model (float64, on ``device``).

    They are read from the saved groups, which must all have the same; where none has any, a new
    model begins, all zero. Raises ValueError where it is no model.
    """
    having = [(i, g) for i, g in enumerate(groups) if g.get("momo_step") is not None]
    having += [(i, g) for i, g in enumerate(groups) if g.get("momo") is not None]
    models = []
    for index, group in having:
        where = f"param_groups[{index}]: "
        step = _stored.read_step(where + "momo_step", group.get("momo_step"))
        _stored.check_tensor(where + "momo", group.get("momo"), _model_shape(group.get("momo")))
        values = group["momo"].detach().to(device=device, dtype=torch.float64, copy=True)
        if float(step) > 0 and not float(values[1]) > 0:
            raise ValueError(f"{where}momo: received weight {float(values[1]):g}, allowed above 0")
        models.append((step, values))
    for step, values in models[1:]:
        if float(step) != float(models[0][0]) or not torch.equal(values, models[0][1]):
            raise ValueError("momo: received groups with several models, allowed one")
    if models:
        return models[0]
    count = torch.zeros((), dtype=_state.scalar_dtype(), device="cpu")
    return count, torch.zeros(3, dtype=torch.float64, device=device)
