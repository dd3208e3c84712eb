# SPDX-License-Identifier: Apache-2.0
"""Classes whose constructors take lr, options and at most some arguments of their norm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor
from typing_extensions import Unpack

from steepest._face import Face
from steepest._numbers import count
from steepest._options import Group
from steepest._typing import Options


class PlainConstructor(Face):
    """A class whose constructor takes lr and options alone."""

    # Builds the optimizer from the catalog row that the class names in _recipe (its norms, outer
    # norm, update ..); ``options``, those of SteepestDescent, override the row.
    def __init__(self, params: Any, lr: float | str | Tensor, **options: Unpack[Options]) -> None:
        given: Group = dict(options)
        self._build_recipe(params, lr, given)


class NormConstructor(Face):
    """A class whose constructor takes lr, options and arguments of its norm."""

    def _build_norm(
        self,
        params: Any,
        lr: float | str | Tensor,
        arguments: Mapping[str, tuple[Callable[[str, Any], float], Any]],
        options: Options,
    ) -> None:
        """Builds the optimizer from the class's catalog row, with ``arguments`` of the row's norm.

        Each has a reader, which takes its name and value, and its value: {"k": (count, 4)} makes
        "neon" "neon(k=4)"; a value of None leaves the row's own. Raises what the readers raise.
        """
        given: Group = dict(options)
        said = [
            f"{name}={read(name, value)!r}"
            for name, (read, value) in arguments.items()
            if value is not None
        ]
        self._build_recipe(params, lr, given, f"({','.join(said)})" if said else "")


class RankConstructor(Face):
    """A class whose constructor takes lr, options and the rank k of its norm."""

    def _build_ranked(
        self, params: Any, lr: float | str | Tensor, rank: int | None, options: Options
    ) -> None:
        """Builds the optimizer from the class's catalog row, with ``rank`` as the k of its norm.

        Where rank is 4, the row "neon" is taken as "neon(k=4)"; None leaves the row's own k. Raises
        TypeError or ValueError unless rank is a whole number from 1.
        """
        given: Group = dict(options)
        row_arguments = "" if rank is None else f"(k={count('rank', rank)})"
        self._build_recipe(params, lr, given, row_arguments)
