# SPDX-License-Identifier: Apache-2.0
"""Parameter groups for an optimizer: which parameter gets which norm, how it is stored, and why."""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import torch
from torch import nn

from ._layouts import Layout, check_layout, layout_of
from ._model import FoundParam, read
from ._roles import Verdict, judge, skip_reason

# How the table shows a role: the backup trains what is no matrix.
_ROLES = {"matrix": "matrix", "backup": "non-matrix", "skipped": "skipped"}
_GUESSES = (
    ("matrix", "matrix", "matrices", "shape"),
    ("backup", "non-matrix", "non-matrix", "shape or position"),
)


class RoutedParam(NamedTuple):
    """One parameter of the table; `role` is "matrix", "backup" (shown: non-matrix) or "skipped"."""

    name: str
    shape: tuple[int, ...]
    role: str
    layout: str
    reason: str


class Routes(list[dict[str, Any]]):
    """Parameter groups, matrices first; str() is a table of them.

    Attributes: `reasons`, the reason of each parameter's role by name; `skipped`, those of the
    parameters left out; `rows`, the table in the model's order; `module`, a weak reference to what
    was routed, None where that was pairs.

    Args:
        groups: of parameters, as an optimizer takes them.
        rows: what is told of each parameter.
        module: what was routed.

    Example:
        >>> routes = steepest.route(torch.nn.Linear(8, 4))
        >>> routes
        <Routes: 2 parameters in 2 groups, 0 skipped>
        >>> optimizer = steepest.Muon(routes, lr=0.02)
    """

    # ``groups``: the items of the list; ``rows``: a line of the table for each parameter, skipped
    # ones too; ``module``: what was routed, which is not kept alive. Without any: an empty list.
    def __init__(
        self,
        groups: Iterable[dict[str, Any]] = (),
        rows: Iterable[RoutedParam] = (),
        module: nn.Module | None = None,
    ) -> None:
        super().__init__(groups)
        self.rows = list(rows)
        self.module = weakref.ref(module) if module is not None else None

    # What a pickle or a copy has beside the list's items: the table, and no module, as a weak
    # reference cannot be pickled.
    def __getstate__(self) -> dict[str, Any]:
        return {"rows": self.rows, "module": None}

    @property
    def reasons(self) -> dict[str, str]:
        """Why each parameter in the groups has its role, by name."""
        return {row.name: row.reason for row in self.rows if row.role != "skipped"}

    @property
    def skipped(self) -> dict[str, str]:
        """Why each parameter that is in no group was left out, by name."""
        return {row.name: row.reason for row in self.rows if row.role == "skipped"}

    # One line, the number of parameters, groups and skipped ones; print shows the table.
    def __repr__(self) -> str:
        names = [len(group["params"]) for group in self]
        return (
            f"<Routes: {sum(names)} parameters in {len(self)} groups, {len(self.skipped)} skipped>"
        )

    def __str__(self) -> str:
        """The table of parameters with role, layout and reason; below it, how many have each."""
        head = ("parameter", "shape", "role", "layout", "reason")
        lines = [head] + [
            (r.name, _shape_text(r.shape), _ROLES[r.role], r.layout, r.reason) for r in self.rows
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(4)] + [0]
        table = [
            "  ".join(w.ljust(n) for w, n in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([*table, *self._coverage()])

    def _coverage(self) -> Iterable[str]:
        """The lines below the table: tensors and share of each role, and the number of guesses."""
        sizes_of = {
            role: [math.prod(r.shape) for r in self.rows if r.role == role] for role in _ROLES
        }
        total = max(1, sum(sizes_of["matrix"]) + sum(sizes_of["backup"]))
        for role, sizes in sizes_of.items():
            share = "" if role == "skipped" else f" ({100 * sum(sizes) / total:.1f} %)"
            if sizes or role != "skipped":
                yield f"{_ROLES[role]}: {len(sizes)} tensors, {sum(sizes)} parameters{share}"
        if guesses := self._guesses():
            yield ", ".join(guesses)

    def _guesses(self) -> list[str]:
        """For each role, in words, how many parameters have it by their shape or position only."""
        guesses = []
        for role, one, many, how in _GUESSES:
            count = sum(r.role == role and _is_guess(r.reason) for r in self.rows)
            if count:
                guesses.append(f"{count} {one if count == 1 else many} by {how} only")
        return guesses


def route(
    model_or_named_params: nn.Module | Iterable[tuple[str, torch.Tensor]],
    *,
    backup: Iterable[str] = (),
    matrix: Iterable[str] = (),
    views: Mapping[str, Mapping[str, Any]] | None = None,
    frozen: bool = False,
) -> Routes:
    """Parameter groups of a model, with the role and the layout of each parameter.

    Args:
        model_or_named_params: a module, or (name, tensor) pairs, of which only names and shapes
            are known. A tied parameter appears once, under its first name.
        backup: globs of names ("*" any text, "?" one character) that go to the backup.
        matrix: globs of names that are matrices; where both match, backup wins.
        views: layout keys by glob ("view", "transposed", "split_sizes", "num_heads",
            "split_dim"); they replace the layout found, keys left out have their defaults. The
            last glob that matches wins.
        frozen: True: frozen parameters have their groups, too, as an optimizer wants that is to
            train them once they are not.

    Returns:
        Groups {"params": [(name, tensor), ...], "role", "view", "transposed", "split_sizes",
        "num_heads", "split_dim"}, one for each distinct role and layout, matrices first.
        Matrices are (out, in), stored (in, out) where "transposed"; "flatten" takes all but the
        first dimension together, "batch" all but the last two as a batch. Frozen parameters and
        those of no floating or of an 8-bit type are in `skipped`. Where neither a type nor a name
        tells what a parameter is, its reason says "by shape" or "by position", and the table's
        last line counts these guesses.

    Raises:
        ValueError: a glob matches nothing; a layout key is unknown; a parameter asked to be a
            matrix, or its layout, does not fit its shape.
        TypeError: neither a module nor (name, tensor) pairs.
    """
    model = read(model_or_named_params)
    layouts = {glob: layout_of(dict(keys)) for glob, keys in (views or {}).items()}
    roles = {"backup": _globs(backup), "matrix": _globs(matrix)}
    _check_globs((*roles["backup"], *roles["matrix"], *layouts), model.found)
    verdicts = judge(model)
    groups: dict[tuple[str, Layout], dict[str, Any]] = {}
    rows = []
    for found in model.found:
        skipped = skip_reason(found)
        if skipped and not (frozen and skipped == "frozen"):
            rows.append(RoutedParam(found.name, found.shape, "skipped", "-", skipped))
            continue
        role, layout, reason = _decide(found, verdicts[found.name], roles)
        layout = _requested_layout(found.name, layouts) or layout
        if role == "matrix":
            check_layout(found.name, found.shape, layout)
        if (role, layout) not in groups:
            groups[role, layout] = {"params": [], "role": role, **layout.keys()}
        groups[role, layout]["params"].append((found.name, found.tensor))
        rows.append(RoutedParam(found.name, found.shape, role, str(layout), reason))
    ordered = sorted(groups.values(), key=lambda group: group["role"] != "matrix")
    return Routes(ordered, rows, model.modules.get(""))


def _requested_layout(name: str, layouts: dict[str, Layout]) -> Layout | None:
    """The layout that the user asks for by the last glob that matches the parameter's name.

    ``layouts`` are by glob, in the user's order; None where no glob matches.
    """
    matching = (layout for glob, layout in reversed(layouts.items()) if fnmatchcase(name, glob))
    return next(matching, None)


def _decide(found: FoundParam, verdict: Verdict, roles: dict[str, tuple[str, ...]]) -> Verdict:
    """A parameter's role and layout: the rules' ``verdict``, unless the user asks for a role.

    ``roles`` are the user's globs by role; the first role with a glob that matches is taken.
    """
    for role, globs in roles.items():
        if any(fnmatchcase(found.name, glob) for glob in globs):
            fits = role == "matrix" and len(found.shape) > 1
            return Verdict(role, verdict.layout if fits else Layout(), "asked for")
    return verdict if verdict.role == "matrix" else verdict._replace(layout=Layout())


def _is_guess(reason: str) -> bool:
    """Whether a reason says that neither a type nor a name told the parameter's role."""
    return "by shape" in reason or "by position" in reason


def _check_globs(globs: Iterable[str], params: Iterable[FoundParam]) -> None:
    """Raises ValueError for a glob that matches the name of no parameter."""
    names = [found.name for found in params]
    for glob in globs:
        if not any(fnmatchcase(name, glob) for name in names):
            raise ValueError(f'route: received glob "{glob}", which matches no parameter')


def _globs(globs: Iterable[str]) -> tuple[str, ...]:
    """The globs of route's ``backup`` or ``matrix``, for which a single text may stand."""
    return (globs,) if isinstance(globs, str) else tuple(globs)


def _shape_text(shape: tuple[int, ...]) -> str:
    """A shape for the table: "64x32"; "()" of a scalar."""
    return "x".join(map(str, shape)) or "()"
