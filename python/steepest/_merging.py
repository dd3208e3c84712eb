# SPDX-License-Identifier: Apache-2.0
"""load_torch_state: the state_dicts of several optimizers of torch's, merged into one state."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from steepest import _choices, _names, _stored
from steepest._loading import (
    all_names,
    check_model,
    read_model,
    read_state,
    set_model,
    untrained,
)
from steepest._options import Group
from steepest._plan import Plan
from steepest._source import Saved, Source, read_source

if TYPE_CHECKING:
    from steepest._saving import Stateful


def merge(optimizer: Stateful, state_dicts: tuple[Any, ...]) -> dict[str, Any]:
    """The state and groups that Stateful.load_torch_state is to set; the optimizer stays as it is.

    Raises ValueError or TypeError in one line, without the name of what was called.
    """
    if len(state_dicts) not in (1, 2):
        raise ValueError(f"received {len(state_dicts)} state_dicts, allowed one or two")
    plan, sources = optimizer._plan(), []
    for number, state_dict in enumerate(state_dicts):
        try:
            sources.append(read_source(state_dict))
        except (TypeError, ValueError) as error:
            raise type(error)(f"state_dict {number}: {error}") from None
    matched = _match_merged(sources, plan, optimizer.param_groups)
    states: defaultdict[Any, Any] = defaultdict(dict)
    for index, wanted in enumerate(_stored.wanted(plan, list(optimizer._params()))):
        if index not in matched:
            continue
        source, saved = matched[index]
        foreign = not _choices.saved_here(source.groups[saved.group])
        if state := read_state(plan, index, wanted, saved, foreign):
            states[wanted.param] = state
    groups = [dict(group) for group in optimizer.param_groups]
    if optimizer._momo():
        saved_groups = [group for source in sources for group in source.groups]
        set_model(groups, read_model(saved_groups, optimizer._device()))
        check_model(groups[0], states)
    return {"state": states, "param_groups": groups}


def _match_merged(
    sources: list[Source], plan: Plan, groups: list[Group]
) -> dict[int, tuple[Source, Saved]]:
    """The saved one of each parameter, by its index in the plan, and the state_dict that has it.

    By name where all have names; else the first of two has the matrices, the second the rest.
    Frozen parameters that no state_dict has are left out. Raises ValueError where names, or numbers
    of parameters, differ otherwise.
    """
    names = all_names(groups)
    every = [(source, saved) for source in sources for saved in source.params]
    saved_names = [saved.name for _, saved in every]
    if names and saved_names and all(name is not None for name in saved_names):
        places = _names.pair([str(name) for name in saved_names], names, untrained(groups))
        return {index: every[place] for index, place in enumerate(places) if place is not None}
    return _match_in_order(sources, plan)


def _match_in_order(sources: list[Source], plan: Plan) -> dict[int, tuple[Source, Saved]]:
    """:func:`_match_merged` without names: each state_dict has its parameters in the plan's order.

    One alone has all of them; of two the first has the matrices, the second the rest. Raises
    ValueError where a state_dict has another number of parameters.
    """
    everything = range(len(plan.names))
    parts = [list(everything)]
    if len(sources) == 2:
        roles = [plan.sides[side][1] for side in plan.side_of]
        parts = [[i for i in everything if roles[i] == role] for role in ("matrix", "backup")]
    matched: dict[int, tuple[Source, Saved]] = {}
    for number, (indices, source) in enumerate(zip(parts, sources)):
        if len(source.params) != len(indices):
            raise ValueError(
                f"state_dict {number}: received {len(source.params)} parameters, allowed "
                f"{len(indices)}"
            )
        matched |= {index: (source, saved) for index, saved in zip(indices, source.params)}
    return matched
