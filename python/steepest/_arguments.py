# SPDX-License-Identifier: Apache-2.0
"""From the arguments of a constructor to a value for each option: defaults, rows, refusals."""

from __future__ import annotations

from typing import Any

import torch

from steepest import _options, _table
from steepest._advice import advice, nearest
from steepest._numbers import clean_options, read_option
from steepest._options import Group

_UNSUPPORTED = {
    "fused": "there is no fused kernel; leave it out: same-shape matrices already go in one call",
    "differentiable": "a step works in place; steepest.steepest is the function alone",
}


# Keys of a group that only the optimizer itself writes.
_WRITTEN = {"recipe", "momo", "momo_step"}


def check_supported(name: str, options: Group) -> None:
    """Raises RuntimeError, as torch raises it, for a flag of torch's that no class here serves.

    ``name`` is the class's, with which the message begins.
    """
    for key, why in _UNSUPPORTED.items():
        if options.get(key):
            raise RuntimeError(f"{name}: `{key}=True` is not supported: {why}")


def check_lr(lr: float | torch.Tensor) -> None:
    """Raises ValueError unless it is one finite number from 0 up; a tensor may hold it."""
    if isinstance(lr, torch.Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    _options.check_number("lr", lr, 0)


def refuse_unknown(name: str, options: Group, known: set[str]) -> None:
    """Raises TypeError for the first option that is not ``known``; ``name`` is the recipe's.

    The message says what to write instead, where that can be guessed.
    """
    for key in options:
        if key not in known:
            near = nearest(key, known)
            hint = advice(key, known) or (f"nearest: {near}" if near else "")
            raise TypeError(f"{name}: got an unexpected option '{key}'" + (hint and f": {hint}"))


def share_eps(options: Group, torch_keys: tuple[str, ...]) -> Group:
    """Sets backup_eps to the eps that was given, in place, unless it was given as well.

    Nothing is set where eps is among ``torch_keys``, the options that the class has from torch:
    it then has torch's meaning. Returns ``options``, the same dict.
    """
    if options.get("eps") is not None and "eps" not in torch_keys:
        options.setdefault("backup_eps", options["eps"])
    return options


def find_rate(lr: Any, options: Group) -> tuple[Any, Group]:
    """Returns lr and the options with lr="auto" spelt out: both rates are 1, factors of the found.

    The option lr_auto without an lr means the same. Any other lr and the options come back as they
    are. Raises ValueError for lr_auto beside a number, a backup_lr beside "auto", or a step size
    that is not Momo's.
    """
    if options.get("lr_auto"):
        if not (lr is None or isinstance(lr, str)):
            raise ValueError(f'lr_auto: received True with lr {float(lr):g}, allowed lr "auto"')
        lr = "auto"
    if not isinstance(lr, str) or lr != "auto":
        return lr, options
    if options.get("backup_lr") is not None:
        raise ValueError(
            f'backup_lr: received {options["backup_lr"]} with lr "auto", allowed none: found too'
        )
    if options.get("step_size", "momo") != "momo":
        raise ValueError(
            f'lr: received "auto" with step_size "{options["step_size"]}", allowed "momo"'
        )
    return 1.0, {**options, "step_size": "momo", "lr_auto": True, "backup_lr": 1.0}


def with_row(
    name: str, torch_keys: tuple[str, ...], lr: float | str | torch.Tensor | None, options: Group
) -> Group:
    """Returns a value for each option, and lr: those of the catalog row ``name``, or the caller's.

    The caller's are ``lr``, None for the row's, and ``options``. A row that gives all parameters
    one lr takes the caller's for all. ``torch_keys`` are options that only the class has, under
    torch's names. Raises TypeError for an unknown option, TypeError or ValueError for a value of
    the wrong kind.
    """
    rate, options = find_rate(lr, options)
    options = share_eps(clean_options(options), torch_keys)
    momo = "-momo" if options.get("step_size") == "momo" else ""
    group = _options.group_of_row(name + momo)
    rate = read_option("lr", group["lr"] if rate is None else rate)
    check_lr(rate)
    known = {*group, *_options.PLAIN, *torch_keys, "lr"} - _WRITTEN
    refuse_unknown(name, options, known)
    if group["backup_lr"] == group["lr"]:
        group["backup_lr"] = rate
    if "weight_decay" in options:
        group["backup_weight_decay"] = None
    if momo and group["backup_betas"] and "momentum" in options:
        group["backup_betas"] = (options["momentum"], group["backup_betas"][1])
    if options.get("backup_lr") is None:
        options.pop("backup_lr", None)
    return {**group, **options, "lr": rate}


def spelt_out(lr: float | str | torch.Tensor, options: Group) -> Group:
    """Returns a value for each option of SteepestDescent, and lr: the caller's, or the default.

    This is for the class without a catalog row: the caller spells all choices out. The result's
    "recipe" says so, and its backup_lr is lr where none is given. Raises TypeError for an unknown
    option, TypeError or ValueError for a value of the wrong kind.
    """
    lr, options = find_rate(lr, options)
    initial = _table.signature()
    refuse_unknown(_options.SPELT_OUT, options, {*initial, "lr"})
    group = {"lr": lr, **initial, **share_eps(clean_options(options), ())}
    if group["backup_lr"] is None:
        group["backup_lr"] = lr
    return {**group, "recipe": _options.SPELT_OUT}
