# SPDX-License-Identifier: Apache-2.0
"""The ways into an optimizer's state: everything is compared before anything changes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from steepest import _choices, _names, _options, _state, _stored, _table
from steepest._kinds import show
from steepest._options import LAYOUT, PLAIN, Group
from steepest._places import compare_place
from steepest._plan import Plan, role_of
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


def own_names(groups: list[Group]) -> list[str] | None:
    if not all("param_names" in group for group in groups if group["params"]):
        return None
    return [name for group in groups for name in group.get("param_names", ())]


def untrained(groups: list[Group]) -> set[int]:
    """The places of frozen parameters: who saved may not have had them in the optimizer."""
    params = [param for group in groups for param in group["params"]]
    return {index for index, param in enumerate(params) if not param.requires_grad}


def _match(source: Source, own: list[Group]) -> list[Saved | None]:
    """The saved parameter of each of ours, by name where both sides have names.

    None is a frozen one that the file has not.
    """
    ours, theirs = own_names(own), source.names
    if ours and theirs:
        places = _names.pair(theirs, ours, untrained(own))
        return [None if place is None else source.params[place] for place in places]
    if len(source.groups) != len(own):
        raise ValueError(f"param_groups: received {len(source.groups)}, allowed {len(own)}")
    for index, group in enumerate(own):
        count = sum(saved.group == index for saved in source.params)
        if count != len(group["params"]):
            raise ValueError(
                f"param_groups[{index}]: params: received {count}, allowed {len(group['params'])}"
            )
    return list(source.params)


def _groups_of(source: Source, own: list[Group], matched: list[Saved | None]) -> list[Group]:
    """For each of our groups, the saved one from which its rates come."""
    found, rest = [], list(matched)
    for index, group in enumerate(own):
        members, rest = rest[: len(group["params"])], rest[len(group["params"]) :]
        numbers = sorted({saved.group for saved in members if saved})
        if not numbers:
            same = index < len(source.groups) and len(source.groups) == len(own)
            numbers = [index] if same else []
        groups = [source.groups[number] for number in numbers]
        for key in _choices.differing(groups, _KEPT | _PLACE) if groups else ():
            raise ValueError(
                f"param_groups[{index}]: {key}: its parameters are in groups {numbers} of the "
                "state_dict, which differ in it: make the same groups here"
            )
        found.append(groups[0] if groups else {})
    return found


def _check_places(source: Source, own: list[Group], matched: list[Saved | None]) -> None:
    """Role and layout of every parameter, where the file has them, must be those of here."""
    rest = iter(matched)
    for group in own:
        for index, param in enumerate(group["params"]):
            if (saved := next(rest)) is None:
                continue
            theirs = source.groups[saved.group]
            if theirs.get("role") is None and "roles" not in theirs:
                continue  # a file that does not say it
            full = {**PLAIN, **theirs}
            there, here = (
                {"role": role_of(where, at, param), **_options.view_of(where, at)}
                for where, at in ((full, saved.index), (group, index))
            )
            compare_place(saved.name or saved.where, there, here, show)


# -- load_state_dict -------------------------------------------------------------------------------


def _candidate(group: Group, saved: Group, same_order: bool, names: bool) -> Group:
    """Our group with what a load takes from the saved one.

    Roles and layouts mean the same; they are in the order of the parameters.
    """
    kept = _KEPT if same_order else _KEPT | _PLACE
    taken = {key: value for key, value in saved.items() if key not in kept}
    if names and "param_names" in saved:
        taken["param_names"] = list(saved["param_names"])
    return {**group, **copied(taken)}


def _check_flags(where: str, group: Group) -> None:
    momo = group.get("step_size") == "momo"
    for key, bad in (("amsgrad", True), ("maximize", momo)):
        if bad and group.get(key):
            raise ValueError(f"{where}: {key}: received True, allowed False")


def load(optimizer: Stateful, state_dict: Any) -> dict[str, Any]:
    """The new state and groups, see Stateful.load_state_dict; the optimizer is not changed.

    Raises ValueError or TypeError in one line, without the name of what was called.
    """
    own = optimizer.param_groups
    plan, source = optimizer._plan(), read_source(state_dict)
    _choices.check_recipe(source.groups, own[0]["recipe"])
    matched = _match(source, own)
    _check_places(source, own, matched)
    groups = _candidates(optimizer, source, matched)
    canonical = [[optimizer._canonical(group) for group in side] for side in (groups, own)]
    _choices.compare_groups(plan, canonical[0], canonical[1])
    if optimizer._momo():
        _share(groups, read_model(source.groups, optimizer._device()))
    foreign = not _choices.known(source.groups[0]) if source.groups else False
    state = _read_states(optimizer, optimizer._planned(groups), matched, foreign)
    if optimizer._momo():
        _check_model(groups[0], state)
    state.update(source.others)
    return {"state": state, "param_groups": groups}


def _candidates(optimizer: Stateful, source: Source, matched: list[Saved | None]) -> list[Group]:
    """Our groups with what the load takes from the saved ones."""
    own = optimizer.param_groups
    saved = [
        theirs if _table.SINCE_0_2 in theirs else optimizer._read_old(theirs)
        for theirs in _groups_of(source, own, matched)
    ]
    adopt = own_names(own) is None and source.names is not None
    same = all(found is saved for found, saved in zip(matched, source.params))
    same = same and [len(group["params"]) for group in own] == source.sizes
    groups = [_candidate(mine, theirs, same, adopt) for mine, theirs in zip(own, saved)]
    for index, group in enumerate(groups):
        _check_flags(f"param_groups[{index}]", group)
    return groups


def _read_states(
    optimizer: Stateful, plan: Plan, matched: list[Saved | None], foreign: bool
) -> defaultdict[Any, Any]:
    state: defaultdict[Any, Any] = defaultdict(dict)
    wishes = _stored.wanted(plan, list(optimizer._params()))
    for index, (wish, found) in enumerate(zip(wishes, matched)):
        if entry := _read(plan, index, wish, found, foreign):
            state[wish.param] = entry
    return state


def _read(
    plan: Plan, index: int, wish: _stored.Wanted, saved: Saved | None, foreign: bool
) -> dict[str, Any]:
    if saved is None:
        return {}
    entry = _stored.read_entry(saved.where, saved.entry, wish, foreign)
    if entry.keys() & _stored.KNOWN:
        _state.complete(entry, plan, index, wish.param)
    return entry


def _check_model(group: Group, state: dict[Any, Any]) -> None:
    """Momo's model is one of momenta: with steps and without any of them, they were lost."""
    if not state and float(group["momo_step"]) > 0:
        raise ValueError(f"state: received none, but {float(group['momo_step']):g} momo_steps")


def _share(groups: list[Group], model: tuple[Tensor, Tensor]) -> None:
    for group in groups:
        group["momo_step"], group["momo"] = model


def read_model(groups: list[Group], device: Any) -> tuple[Tensor, Tensor]:
    """Momo's step count and model; a new one where the groups have none."""
    found = [(i, g) for i, g in enumerate(groups) if g.get("momo_step") is not None]
    found += [(i, g) for i, g in enumerate(groups) if g.get("momo") is not None]
    models = []
    for index, group in found:
        where = f"param_groups[{index}]: "
        step = _stored.read_step(where + "momo_step", group.get("momo_step"))
        _stored.check_tensor(where + "momo", group.get("momo"), [3])
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


# -- load_torch_state ------------------------------------------------------------------------------


def merge(optimizer: Stateful, state_dicts: tuple[Any, ...]) -> dict[str, Any]:
    """The new state and groups; see Stateful.load_torch_state."""
    if len(state_dicts) not in (1, 2):
        raise ValueError(f"received {len(state_dicts)} state_dicts, allowed one or two")
    plan, sources = optimizer._plan(), []
    for number, state_dict in enumerate(state_dicts):
        try:
            sources.append(read_source(state_dict))
        except (TypeError, ValueError) as error:
            raise type(error)(f"state_dict {number}: {error}") from None
    found = _merged(sources, plan, optimizer.param_groups)
    state: defaultdict[Any, Any] = defaultdict(dict)
    for index, wish in enumerate(_stored.wanted(plan, list(optimizer._params()))):
        if index not in found:
            continue
        source, saved = found[index]
        foreign = not _choices.known(source.groups[saved.group])
        if entry := _read(plan, index, wish, saved, foreign):
            state[wish.param] = entry
    groups = [dict(group) for group in optimizer.param_groups]
    if optimizer._momo():
        saved_groups = [group for source in sources for group in source.groups]
        _share(groups, read_model(saved_groups, optimizer._device()))
        _check_model(groups[0], state)
    return {"state": state, "param_groups": groups}


def _merged(sources: list[Source], plan: Plan, own: list[Group]) -> dict[int, tuple[Source, Saved]]:
    """By name where all have names; else the first has the matrices, the second the rest.

    Without the frozen ones that the files have not.
    """
    ours = own_names(own)
    every = [(source, saved) for source in sources for saved in source.params]
    theirs = [saved.name for _, saved in every]
    if ours and theirs and all(name is not None for name in theirs):
        places = _names.pair([str(name) for name in theirs], ours, untrained(own))
        return {index: every[place] for index, place in enumerate(places) if place is not None}
    return _merged_in_order(sources, plan)


def _merged_in_order(sources: list[Source], plan: Plan) -> dict[int, tuple[Source, Saved]]:
    everything = range(len(plan.names))
    parts = [list(everything)]
    if len(sources) == 2:
        roles = [plan.sides[side][1] for side in plan.side_of]
        parts = [[i for i in everything if roles[i] == role] for role in ("matrix", "backup")]
    found: dict[int, tuple[Source, Saved]] = {}
    for number, (wanted, source) in enumerate(zip(parts, sources)):
        if len(source.params) != len(wanted):
            raise ValueError(
                f"state_dict {number}: received {len(source.params)} parameters, allowed "
                f"{len(wanted)}"
            )
        found |= {index: (source, saved) for index, saved in zip(wanted, source.params)}
    return found
