# SPDX-License-Identifier: Apache-2.0
"""Roles and layouts of small models of many kinds, as an expert would choose them."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from route_zoo import ZOO

from steepest.route import route


def matches(name: str, globs: list[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)


@pytest.mark.parametrize("name", ZOO)
def test_roles(name):
    """Vectors and 1 x n always go to the backup; of the others exactly those named."""
    case = ZOO[name]
    globs = case.backup.split()
    routes = route(case.model)
    wide = {r.name: sum(size != 1 for size in r.shape) > 1 for r in routes.rows}
    found = {r.name: (r.role, r.reason) for r in routes.rows}
    for row in routes.rows:
        if row.role == "skipped":
            continue
        expected = "matrix" if wide[row.name] and not matches(row.name, globs) else "backup"
        if "bias" in row.name.rpartition(".")[2] or "norm" in row.name.split(".")[-2:-1]:
            expected = "backup"
        assert row.role == expected, (row.name, found[row.name])
    for glob in globs:
        assert any(wide[r.name] and fnmatchcase(r.name, glob) for r in routes.rows), glob


@pytest.mark.parametrize("name", [name for name, case in ZOO.items() if case.layouts])
def test_layouts(name):
    case = ZOO[name]
    layouts = {r.name: r.layout for r in route(case.model).rows if r.role == "matrix"}
    for glob, expected in case.layouts.items():
        found = {n: text for n, text in layouts.items() if fnmatchcase(n, glob)}
        assert found and set(found.values()) == {expected}, (glob, found)
