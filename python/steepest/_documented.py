# SPDX-License-Identifier: Apache-2.0
"""What help() and editors show of a named optimizer: its signature, its arguments, an example.

All of it follows from the engine's table of options and from the class's row of the catalog, so
that no class repeats what all of them share.
"""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from steepest import _options, _table
from steepest._table import OPTIONS
from steepest._typing import Common, Options

_PARAMS = (
    "what is trained: a module, which is routed; the result of steepest.route; tensors, "
    "(name, tensor) pairs, or groups, with any option below for themselves"
)
_LR = {
    "constrained": "the length of a step, in the unit of the norm",
    "regularized": "the factor of the dual norm in a step",
}
# Where the table says too little for a reader of one line, and what is no option of the table:
# torch's arguments, and those of a class or two.
_MEANINGS = {
    "backup_lr": "learning rate of what is no matrix; None: lr",
    "backup_weight_decay": "weight decay of what is no matrix; None: weight_decay",
    "backup_momentum": "momentum of what is no matrix; None: as backup_betas or momentum say",
    "backup_nesterov": "look one gradient ahead, in what is no matrix; None: nesterov",
    "backup_start": "of the momentum of what is no matrix; None: start",
    "backup_beta2": "second moment of what is no matrix; None: as backup_betas or beta2 say",
    "backup_eps": "of what is no matrix: sqrt(v) + eps",
    "weight_decay": "a rate: a step shrinks the weights by lr weight_decay of themselves",
    "beta2": "decay of an adaptive norm's second moment, a step; None: the norm's own, .95",
    "polar": "method of the polar factor: svd, polar_express, jordan, auto, ..; None: the row's",
    "radius": "factor of lr for a shape: none, original, match_rms_adamw, scion, 0.2, 50*scion, ..",
    "foreach": "matrices of one shape in one call (None), or one by one (False)",
    "betas": "decay of the first and of the second moment, each from 0, below 1",
    "amsgrad": "as in torch; only False: it is no steepest descent",
    "ns_coefficients": "a, b, c of the iteration X <- a X + (b A + c A A) X with A = X X^T",
    "ns_steps": "steps of that iteration, a whole number from 1",
    "adjust_lr_fn": 'factor of lr for each shape: "original", also None, "match_rms_adamw" or '
    '"spectral_unclamped"',
    "rank": "how many singular directions a step takes, a whole number from 1; None: as the row",
    "rank_fraction": "rank of a step as a part of the shorter side, from 0 to 1; None: as the row",
    "fraction": "part of the shorter side that a step takes, from 0 to 1; None: as the row",
    "gamma": "weight of the polar factor, from 0; None: as the row",
    "backup_betas": "momentum and beta2 of what is no matrix",
    "bias_correction": "of the moments of what is no matrix, as Adam's",
    "maximize": "ascend",
    "capturable": "steps that a CUDA graph may record; lr may be a tensor of the device",
    "differentiable": "as in torch; only False",
    "fused": "as in torch; only False or None",
    "process_group": "of replicas: they share the work of a step, and their losses are averaged",
    "wire": "dtype in which processes send directions and momenta; None: that of the momentum",
}


def document(cls: type[Any]) -> None:
    """Completes the signature and the docstring of an optimizer's class from its catalog row.

    Both get every keyword option with its default, for help() and editors, and the docstring an
    example. Changes ``cls``; called once for each class, at import.
    """
    written = inspect.signature(cls.__init__)
    own = [p for p in written.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    names = {parameter.name for parameter in own}
    keywords = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=_table.annotation(name),
        )
        for name, default in _defaults(cls, written).items()
        if name not in names
    ]
    signature = inspect.Signature([*own, *keywords])
    cls.__init__.__signature__ = signature
    if cls.__doc__:  # python -OO has none
        cls.__doc__ = inspect.cleandoc(cls.__doc__) + "\n\n" + _sections(cls, signature)


def _defaults(cls: type[Any], written: inspect.Signature) -> dict[str, Any]:
    """Every keyword option of the class with the value that it has in the class's row.

    None where the option follows another one, or is left to the engine.
    """
    row = _options.group_of_row(cls._recipe)
    if row["backup_lr"] == row["lr"]:
        row["backup_lr"] = None
    if row["backup_weight_decay"] == row["weight_decay"]:
        row["backup_weight_decay"] = None
    hint = str(written.parameters["options"].annotation)
    known = (Options if "Options" in hint else Common).__annotations__
    return {name: row.get(name, d) for name, d in _table.signature().items() if name in known}


def _sections(cls: type[Any], signature: inspect.Signature) -> str:
    """The sections Args and Example of the docstring."""
    row = _options.row(cls._recipe)
    whose = "" if row["matrix"]["lr"] == row["backup"]["lr"] else " of the matrices"
    rate = f"learning rate{whose}: {_LR[row['update']]}"
    lr = signature.parameters["lr"].default
    if lr is None:
        rate += f"; None: {row['matrix']['lr']:g}, of bare tensors torch's, which is warned of"
    lines = [*_entry("params", _PARAMS), *_entry("lr", rate, signature)]
    for name in list(signature.parameters)[3:]:  # behind self, params, lr
        lines += _entry(name, _meaning(name, cls), signature)
    return "\n".join(["Args:", *lines, "", "Example:", *_example(cls.__name__, lr)])


def _example(name: str, lr: float | None) -> list[str]:
    """Four lines that make an optimizer, with its default ``lr``, and take a step."""
    rate = "" if lr is None else f", lr={lr:g}"
    lines = [
        "model = torch.nn.Linear(8, 4)",
        f"optimizer = steepest.{name}(model{rate})",
        "model(torch.randn(2, 8)).square().mean().backward()",
        "optimizer.step()",
    ]
    return [f"    >>> {line}" for line in lines]


def _meaning(name: str, cls: type[Any]) -> str:
    """What an argument of the class means, and which values it takes."""
    if name == "eps" and "ns_steps" in cls._own:
        return "as in torch; not needed here, where small gradients are not lost"
    if name not in OPTIONS:
        return _MEANINGS[name]
    option = OPTIONS[name]
    if name in _MEANINGS:
        return _MEANINGS[name] + _range_text(option)
    values = ", ".join(option.names)
    if values and all(word in option.help for word in option.names):
        values = ""
    return option.help + (f": {values}" if values else "") + _range_text(option)


def _range_text(option: _table.Option) -> str:
    """Which numbers an option allows, "; from 0, below 1"; "" where it takes others than numbers.

    A range is (low, high, whether low is left out, whether high is); None stands for no bound.
    """
    if not option.range:
        return ""
    low, high, low_open, high_open = option.range
    words = [f"{'above' if low_open else 'from'} {low:g}"] if low is not None else []
    words += [f"{'below' if high_open else 'to'} {high:g}"] if high is not None else []
    return "; " + ", ".join(words)


def _entry(name: str, meaning: str, signature: inspect.Signature | None = None) -> list[str]:
    """The docstring's lines for one argument, wrapped and indented: its name and ``meaning``.

    Its default, where ``signature`` is given and has one other than None, ends them.
    """
    default = signature.parameters[name].default if signature else None
    text = f"{name}: {meaning}."
    if default is not None:
        text += (
            f" Default: {default:g}." if isinstance(default, float) else f" Default: {default!r}."
        )
    return textwrap.wrap(
        text, 96, initial_indent=" " * 4, subsequent_indent=" " * 8, break_long_words=False
    )
