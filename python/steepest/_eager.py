# SPDX-License-Identifier: Apache-2.0
"""Methods that torch.compile leaves as they are, with their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Function = TypeVar("_Function", bound=Callable[..., Any])


def eager(function: _Function) -> _Function:
    """:func:`torch.compiler.disable`, which has no annotations: type checkers keep the function's.

    The engine is compiled already, so torch.compile calls it between its graphs.
    """
    disabled: _Function = torch.compiler.disable(function)
    return disabled
