# SPDX-License-Identifier: Apache-2.0
"""Methods that torch.compile leaves as they are, with their types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

_Function = TypeVar("_Function", bound=Callable[..., Any])


def eager(function: _Function) -> _Function:
    """Keeps torch.compile from tracing ``function``, a method: it is called between the graphs.

    The engine behind it is compiled C++ already. This is :func:`torch.compiler.disable`, which
    type checkers see as untyped; here the function keeps its type.
    """
    disabled: _Function = torch.compiler.disable(function)
    return disabled
