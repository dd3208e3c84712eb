# SPDX-License-Identifier: Apache-2.0
"""What to write instead of a name that is no option here: another library's, or a misspelling."""

from __future__ import annotations

import difflib
from collections.abc import Collection

# Other names of the options: of those listed, the first that a class has is meant.
_SYNONYMS = {
    "scale": ("radius",),  # Scion
    "adjust_lr": ("radius",),  # dion
    "adjust_lr_fn": ("radius",),  # torch.optim.Muon
    "mu": ("betas", "momentum"),  # dion, optax
    "beta": ("betas", "momentum"),
    "beta1": ("betas", "momentum"),
    "ns_steps": ("polar_steps",),  # torch.optim.Muon
    "backend_steps": ("ns_steps", "polar_steps"),  # the first Muon
    "steps": ("ns_steps", "polar_steps"),
    "ns_coefficients": ("polar_coefficients",),
    "backend": ("polar",),
    "epsilon": ("eps",),
    "wd": ("weight_decay",),
    "learning_rate": ("lr",),
    "flatten": ("view",),  # dion
    "lb": ("f_star",),  # the authors' Momo
    "lower_bound": ("f_star",),
    "lmo": ("norm",),
    "fallback": ("backup",),
}
# What these libraries call the optimizer of what is no matrix, and of the matrices.
_SIDES = {"adamw_": "backup_", "adam_": "backup_", "fallback_": "backup_", "aux_": "backup_"}
_SIDES |= {"scalar_": "backup_", "backup_": "backup_", "muon_": "", "matrix_": ""}
# What is said otherwise than by an option of another name.
_REMARKS = {
    "rank": 'write norm="ky_fan(k=8)"; Neon, Fanion and their relatives take rank',
    "k": 'write norm="ky_fan(k=8)"; Neon, Fanion and their relatives take rank',
    "cautious": 'write decay="cautious"',
    "cautious_wd": 'write decay="cautious"',
    "betas": "write momentum for the matrices, backup_betas for the rest",
    "momo": 'write step_size="momo"',
    "amsgrad": "it is no steepest descent",
    "params": 'write one list of groups, each with "params" and role="matrix" or "backup"',
    "max_grad_norm": "call torch.nn.utils.clip_grad_norm_ before the step",
}
# What a program may well keep in its groups as data of its own.
_DATA = {"backend", "beta", "cautious", "fallback", "k", "lb", "lmo", "lower_bound"}
_DATA |= {"max_grad_norm", "params", "steps"}
# Keys of a group that the package itself writes.
INTERNAL = {"roles", "layouts", "recipe", "momo", "momo_step"}


def advice(key: str, options: Collection[str]) -> str | None:
    """What to write for the unknown ``key`` where a class has these ``options``; None: no idea.

    It is "write <option>" for another library's name of an option, and for an option but for one
    typing error.
    """
    for name in (key, *_names_behind_prefix(key)):
        if name != key and name in options:
            return f"write {name}"
        if option := next((o for o in _SYNONYMS.get(name, ()) if o in options), None):
            return f"write {option}"
        if remark := _REMARKS.get(name):
            return remark
    return _misspelt(key, options)


def group_advice(key: str, options: Collection[str]) -> str | None:
    """:func:`advice` for a key of a group; None, too, for one that programs keep there as data."""
    return None if key in _DATA else advice(key, options)


def nearest(key: str, options: Collection[str]) -> str | None:
    """The option whose letters are most like those of ``key``; None where none is like it."""
    public = [option for option in options if option not in INTERNAL]
    return next(iter(difflib.get_close_matches(key, public, 1, 0.7)), None)


def _names_behind_prefix(key: str) -> list[str]:
    """What a key that begins with another library's word for a role may mean; [] for other keys.

    "adamw_wd" is ["backup_weight_decay", "wd"]: the option here, and the rest, which may be
    another library's name of one.
    """
    for prefix, side in _SIDES.items():
        rest = key.removeprefix(prefix)
        if rest != key:
            plain = {"wd": "weight_decay", "learning_rate": "lr", "epsilon": "eps"}.get(rest, rest)
            return [side + plain, rest]
    return []


def _misspelt(key: str, options: Collection[str]) -> str | None:
    """The advice "write <option>" where a key is an option but for one typing error, else None."""
    letters = _letters(key)
    for option in options:
        usable = len(option) > 3 and option not in INTERNAL  # short ones are like too many words
        if usable and _is_one_edit_apart(letters, _letters(option)):
            return f"write {option}"
    return None


def _letters(name: str) -> str:
    """A key as it is compared: in lower case and without what separates words."""
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _is_one_edit_apart(a: str, b: str) -> bool:
    """Whether at most one letter is added, dropped or changed, or two neighbours are swapped."""
    if len(a) > len(b):
        a, b = b, a
    start = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), len(a))
    rest, other = a[start:], b[start:]
    if len(a) < len(b):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[1::-1] == other[:2] and rest[2:] == other[2:])
