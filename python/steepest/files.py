# SPDX-License-Identifier: Apache-2.0
"""An optimizer's state as a safetensors file: the one that C++ programs and the trainer write."""

from __future__ import annotations

import math
from collections import defaultdict
from os import PathLike, fsdecode
from typing import Any

import torch
from torch import Tensor

from steepest import _shared, _state, _stored
from steepest._face import Face
from steepest._library import ops
from steepest._numbers import shown
from steepest._options import Group
from steepest._plan import Plan, make_plan
from steepest._rates import sole_role

_RATES = 4  # of each group: lr, backup_lr_ratio, weight_decay, backup_weight_decay


def _rates(group: Group) -> list[float]:
    """The four numbers of a group that a file keeps, as floats; :func:`_set_rates` reads them.

    They are lr, backup_lr_ratio (1 where the group has none), weight_decay and backup_weight_decay
    (weight_decay where it has none).
    """
    ratio, decay, backup_decay = (
        group[key] for key in ("backup_lr_ratio", "weight_decay", "backup_weight_decay")
    )
    ratio = 1.0 if ratio is None else ratio
    rates = (group["lr"], ratio, decay, decay if backup_decay is None else backup_decay)
    return [float(rate) for rate in rates]


def _check_optimizer(what: str, optimizer: object) -> None:
    """Raises TypeError where ``what``, save or load, was not given an optimizer first."""
    if not isinstance(optimizer, Face):
        raise TypeError(
            f"{what}: optimizer: received {shown(optimizer)}, allowed an optimizer of this package"
        )


def _whole_plan(optimizer: Face) -> Plan:
    """The plan of the parameters as one process has them: what a file is written by."""
    if not any(_shared.is_dtensor(param) for param in optimizer._params()):
        return optimizer._plan()
    groups = [optimizer._canonical(group) for group in optimizer.param_groups]
    return make_plan(optimizer._name(), groups, _shared.Processes(ignored=True))


def save(optimizer: Face, path: str | PathLike[str]) -> None:
    """Writes state and rates, atomically, with checksums; readable without this package.

    Keys are ``state.<parameter>.<name>`` and ``global.<name>``. A C++ ``steepest::load`` into an
    optimizer of the same recipe, names and groups goes on with it. Raises RuntimeError naming the
    file where it cannot be written, ValueError where two parameters have one name or a rate is not
    finite; the file that was there is then unchanged. Where parameters are DTensors all their
    processes call it, and the first one writes.
    """
    _check_optimizer("save", optimizer)
    optimizer._complete_states()
    plan = _whole_plan(optimizer)
    plan.check_rates([optimizer._canonical(group) for group in optimizer.param_groups])
    bound = _state.bind(plan, optimizer.state, list(optimizer._params()), _shared.whole)
    if not _shared.is_first(list(optimizer._params())):
        return
    first, momo = optimizer.param_groups[0], optimizer._momo()
    ops.save_state(
        fsdecode(path),
        bound.params,
        bound.steps,
        bound.tensors,
        plan.text,
        bound.live,
        int(first["momo_step"] if momo else max(bound.steps, default=0)),
        first["momo"] if momo else torch.empty(0, device="cpu"),
        [rate for group in optimizer.param_groups for rate in _rates(group)],
    )


def load(optimizer: Face, path: str | PathLike[str]) -> None:
    """Loads what :func:`save`, a C++ program or the trainer has written.

    State goes by name; ``module.``, ``_orig_mod.`` and other wrappers of a module do not count.
    Rates come from the file. Raises ValueError, and changes nothing, where recipe, choices, groups,
    names, shapes or numbers do not fit, with the first that differs; RuntimeError where the file is
    damaged, naming it and the place.
    """
    _check_optimizer("load", optimizer)
    plan, params = _whole_plan(optimizer), list(optimizer._params())
    frozen = [not any(p.requires_grad for p in group["params"]) for group in optimizer.param_groups]
    with torch.inference_mode(False), torch.no_grad():
        steps, tensors, step, momo, observed, rates = ops.load_state(
            fsdecode(path), [_shared.blank(p) for p in params], plan.text, frozen
        )
        optimizer._reset()
        optimizer._loans = None
        optimizer.state = defaultdict(dict, _states(plan, params, steps, tensors))
        for number, group in enumerate(optimizer.param_groups):
            _set_rates(group, rates[_RATES * number : _RATES * (number + 1)])
        if optimizer._momo():
            _set_model(optimizer, step, momo)
            if observed:
                total, weight = observed
                optimizer.observe(total / weight, weight)


def _states(
    plan: Plan, params: list[Tensor], steps: list[int], tensors: list[Tensor]
) -> dict[Tensor, dict[str, Any]]:
    """Returns each parameter's state, as a file has it, for those that have taken a step.

    ``steps`` has each parameter's count, 0 for one without state. ``tensors`` are those of all the
    others in the plan's order; they are taken over without copies.
    """
    states: dict[Tensor, dict[str, Any]] = {}
    rest = iter(tensors)
    for index, (param, step) in enumerate(zip(params, steps)):
        if step > 0:
            states[param] = {"step": _stored.read_step("step", step)}
            for name in plan.state[index]:
                tensor, shaped = next(rest), name in plan.shaped[index]
                states[param][name] = _shared.sharded(param, tensor) if shaped else tensor
    return states


def _set_rates(group: Group, rates: list[float]) -> None:
    """Sets, in place, the four numbers of a group that :func:`_rates` has written.

    Nothing is set where the lr is NaN: the group is frozen and not in the file. An older file has a
    ratio for any group without a role: where no matrix is in it, its lr is multiplied by that.
    """
    lr, ratio, decay, backup_decay = rates
    if math.isnan(lr):
        return
    role = sole_role(group)
    if role == "backup" and group["role"] is None:
        lr *= ratio
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(lr)
    else:
        group["lr"] = lr
    group["backup_lr_ratio"] = ratio if role is None else None
    group["weight_decay"] = decay
    if group["backup_weight_decay"] is not None or backup_decay != decay:
        group["backup_weight_decay"] = backup_decay


def _set_model(optimizer: Face, step: int, momo: Tensor) -> None:
    """Sets Momo's model in all groups of ``optimizer``, as a file has it.

    ``step`` is the count of its steps and ``momo`` float64: the average of the losses, its weight,
    f_star and the numbers of auto. What a file lacks of them begins with zeros.
    """
    numbers = _state.fitted_model(momo, optimizer.param_groups[0])
    for group in optimizer.param_groups:
        group["momo_step"] = _stored.read_step("momo_step", step)
        group["momo"] = numbers.to(optimizer._device())
    optimizer._share_model()
