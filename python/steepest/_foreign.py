# SPDX-License-Identifier: Apache-2.0
"""Group keys that are no options here: another library's, a tool's own data, or a misspelling."""

from __future__ import annotations

from steepest._advice import group_advice
from steepest._options import Group
from steepest._say import warn

_ALGORITHMS = {"muon": "matrix", "adamw": "backup", "adam": "backup"}


def foreign_role(group: Group) -> str | None:
    """The role, matrix or backup, that a group key of another library asks for; None without one.

    Raises ValueError for a dion algorithm that is neither.
    """
    if "use_muon" in group:  # Jordan, DeepSpeed, timm
        return "matrix" if group["use_muon"] else "backup"
    if "use_fallback" in group:  # timm
        return "backup" if group["use_fallback"] else "matrix"
    if "algorithm" in group:  # dion
        if group["algorithm"] not in _ALGORITHMS:
            raise ValueError(
                f'algorithm: received "{group["algorithm"]}", allowed {", ".join(_ALGORITHMS)}'
            )
        return _ALGORITHMS[group["algorithm"]]
    kind = group.get("kind")  # nanochat; any other value is somebody's own
    return _ALGORITHMS.get(kind) if isinstance(kind, str) else None


def _rename_adams_keys(group: Group) -> None:
    """Renames betas, and in a group of the backup eps, to what they are here, in place."""
    if "betas" in group:
        betas = group.pop("betas")
        lion = "step_size" in group and "amsgrad" not in group  # whose betas are momenta
        if not lion:
            group["backup_betas"] = betas
    if "eps" in group and group["role"] == "backup":
        group["backup_eps"] = group.pop("eps")


def translate_foreign_keys(
    group: Group, defaults: Group, torch_keys: tuple[str, ...], name: str
) -> None:
    """Renames AdamW's betas and eps in a new group to backup_betas and backup_eps, in place.

    Not those that the class itself takes under torch's names (``torch_keys``); eps only where the
    group's role is the backup. Then warns, with the class's ``name``, of the first key that was
    meant as an option and is none of ``defaults``.

    A key that nothing here reads may be data of the program or of a library (``rho``,
    ``lr_scale``, ``layer_id``): only one that nearly is an option, or is another optimizer's name
    for one, is taken for a mistake.
    """
    if "betas" not in torch_keys:
        _rename_adams_keys(group)
    for key, value in group.items():
        if key in defaults or not isinstance(key, str) or not value:
            continue
        if remark := group_advice(key, defaults):
            warn(
                f'{name}: group key "{key}": received a value, but there is no such option: it has '
                f"no effect: {remark}"
            )
            return
