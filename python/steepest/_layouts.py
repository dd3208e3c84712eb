# SPDX-License-Identifier: Apache-2.0
"""How a parameter is stored: which of its dimensions are out and in, and what is fused into it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Layout:
    """The engine's View. Matrices are (out, in); `split_dim` is of the matrix as stored."""

    view: str = "flatten"
    transposed: bool = False
    split_sizes: tuple[int, ...] | None = None
    num_heads: int | None = None
    split_dim: int = 0

    def keys(self) -> dict[str, Any]:
        """The layout as a parameter group holds it: one key a field, sizes as a list."""
        sizes = None if self.split_sizes is None else list(self.split_sizes)
        return {**asdict(self), "split_sizes": sizes}

    def __str__(self) -> str:
        """In words, as the table of routes shows it; "-" for a matrix as it is stored."""
        words = ["batch"] if self.view == "batch" else []
        words += ["transposed"] if self.transposed else []
        if self.split_sizes is not None:
            words.append(f"{'+'.join(map(str, self.split_sizes))} of dim {self.split_dim}")
        if self.num_heads is not None:
            words.append(f"{self.num_heads} parts of dim {self.split_dim}")
        return ", ".join(words) or "-"


def layout_of(keys: dict[str, Any]) -> Layout:
    """The layout that a user wrote for route's ``views``; keys left out have their defaults.

    Raises ValueError for an unknown key or view.
    """
    allowed = Layout().keys()
    for key in keys:
        if key not in allowed:
            raise ValueError(f'route: views: received "{key}", allowed {", ".join(allowed)}')
    if keys.get("view", "flatten") not in ("flatten", "batch"):
        raise ValueError(f'route: view: received "{keys["view"]}", allowed flatten, batch')
    sizes = keys.get("split_sizes")
    return Layout(**{**keys, "split_sizes": None if sizes is None else tuple(sizes)})


def check_layout(name: str, shape: tuple[int, ...], layout: Layout) -> None:
    """Raises ValueError where the engine would refuse the layout for the parameter of this shape.

    ``name`` is the parameter's; its role is matrix.
    """
    sizes, heads = layout.split_sizes, layout.num_heads
    if len(shape) < 2:
        raise ValueError(
            f"{name}: role matrix: received shape {shape}, allowed 2 dimensions or more"
        )
    if sizes is not None and heads is not None:
        raise ValueError(f"{name}: received split_sizes and num_heads, allowed one of them")
    if sizes is not None or heads is not None:
        _check_split(name, shape, layout)


def _check_split(name: str, shape: tuple[int, ...], layout: Layout) -> None:
    """The part of :func:`check_layout` for a layout with split_sizes or num_heads.

    Raises ValueError where split_dim is not 0 or 1, or the sizes or the heads do not divide that
    dimension of the matrix.
    """
    sizes, heads = layout.split_sizes, layout.num_heads
    if layout.split_dim not in (0, 1):
        raise ValueError(f"{name}: split_dim: received {layout.split_dim}, allowed 0 or 1")
    batch = layout.view == "batch" or len(shape) == 2
    if not batch and layout.split_dim == 1:
        raise ValueError(f"{name}: split_dim: received 1, allowed 0 of a flattened parameter")
    size = shape[layout.split_dim - 2] if batch else shape[0]
    if sizes is not None and (sum(sizes) != size or min(sizes, default=0) <= 0):
        raise ValueError(f"{name}: split_sizes: received {list(sizes)}, allowed a sum of {size}")
    if heads is not None and (heads <= 0 or size % heads != 0):
        raise ValueError(f"{name}: num_heads: received {heads}, allowed a divisor of {size}")
