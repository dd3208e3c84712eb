# SPDX-License-Identifier: Apache-2.0
"""Which learning rate a group's parameters have.

In a group of one role ``lr`` is the rate of all its parameters. A group of both, such as torch's of
bare tensors, has one ``lr``, the matrices', and ``backup_lr_ratio``, by which the others' follows.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from steepest._numbers import read_rate
from steepest._options import Group
from steepest._params import named_of

# What schedulers keep in a group beside lr, in its unit.
_IN_UNITS_OF_LR = ("lr", "initial_lr", "max_lr", "min_lr", "swa_lr")


def role_of(group: Group, index: int, param: Tensor) -> str:
    """The role, "matrix" or "backup", of the tensor ``param``, the group's number ``index``.

    The group's one role where it has one, else the parameter's own of its list, else by shape.
    """
    if group.get("role") is not None:
        return str(group["role"])
    roles = group.get("roles")
    if roles is not None and index < len(roles):
        return str(roles[index])
    return "matrix" if param.dim() == 2 else "backup"


def sole_role(group: Group) -> str | None:
    """The one role, "matrix" or "backup", that all parameters of a group have.

    None where both occur, or the group has no parameters. They are tensors or (name, tensor) pairs.
    """
    params = group.get("params")
    if group.get("role") is not None or not isinstance(params, list):
        return group.get("role")
    roles = {role_of(group, index, param) for index, (_, param) in enumerate(named_of(params))}
    return roles.pop() if len(roles) == 1 else None


def backup_lr_ratio(lr: float | Tensor, backup_lr: float | Tensor) -> float:
    """backup_lr / lr, by which a group keeps its second rate beside lr.

    It is for a group that has both matrices, whose rate is lr, and other parameters, whose rate is
    backup_lr. Raises ValueError where lr alone is 0: no ratio gives the other then.
    """
    rate, other = read_rate("lr", lr), read_rate("backup_lr", backup_lr)
    if rate == other:
        return 1.0
    if rate == 0:
        raise ValueError(
            f"lr: received 0 with backup_lr {other:g} in a group of matrices and others, allowed "
            "above 0, or a group for each role: steepest.route(model)"
        )
    return other / rate


def in_todays_keys(saved: Group, sole: str | None) -> Group:
    """A saved group of an older version in the keys of this one; a group of this one as it is.

    Its rate lr * lr_ratio becomes lr, and f_star_auto, which was MoMo*'s estimate, f_star_rule.
    ``sole`` is the one role of its parameters, "matrix" or "backup", None where it has both.
    """
    if "f_star_auto" in saved:
        rule = "momo_star" if saved["f_star_auto"] else "given"
        saved = {key: value for key, value in saved.items() if key != "f_star_auto"}
        saved.setdefault("f_star_rule", rule)
    return _with_real_rates(saved, sole) if "lr_ratio" in saved else saved


def _with_real_rates(saved: Group, sole: str | None) -> Group:
    """A saved group with the rate lr * lr_ratio as one with the rate lr; ``sole`` as above."""
    named_or_bare = saved.get("role") is None  # its lr_ratio was the matrices' alone
    key = "backup_lr_ratio" if sole == "backup" and named_or_bare else "lr_ratio"
    factor = read_rate(key, saved[key])
    group = {key: value for key, value in saved.items() if key != "lr_ratio"}
    for key in _IN_UNITS_OF_LR:
        if group.get(key) is not None:
            group[key] = _times(group[key], factor)
    if sole is None and factor > 0:
        group["backup_lr_ratio"] = read_rate("backup_lr_ratio", saved["backup_lr_ratio"]) / factor
    elif sole is not None:
        group["backup_lr_ratio"] = None
    return group


def _times(rate: Any, factor: float) -> Any:
    """``rate`` times ``factor``; the rate itself, which may be a tensor, where that is 1."""
    return rate if factor == 1 else rate * factor
