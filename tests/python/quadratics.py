# SPDX-License-Identifier: Apache-2.0
"""Quadratic losses of a small network's weights, and what a plain loop of a step needs of norms."""

import torch

DOUBLE = torch.float64
SHAPES = {"a.weight": (6, 4), "b.weight": (3, 6), "a.bias": (6,), "b.bias": (3,)}


def draw(seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(shape, generator=generator, dtype=DOUBLE)
        for name, shape in SHAPES.items()
    }


class Quadratic:
    """f(w) = offset + 1/2 sum h (w - w*)^2 with h from .1 to 10: convex, with a known minimum."""

    def __init__(self, offset=0.3):
        self.best, self.offset = draw(1), offset
        self.curvature = {name: 10 ** (t.clamp(-1, 1)) for name, t in draw(2).items()}

    def loss(self, w, noise=None):
        total = torch.tensor(self.offset, dtype=DOUBLE)
        for name, p in w.items():
            off = p - self.best[name] - (0.3 * noise[name] if noise else 0)
            total = total + (self.curvature[name] * off.square()).sum() / 2
        return total


def sharp(name, u):
    """The steepest direction of u and its dual norm, as the options of the test choose them."""
    if u.dim() == 2:
        left, s, right = torch.linalg.svd(u, full_matrices=False)
        return left @ right, s.sum()
    if name == "inf":
        return u.sign(), u.abs().sum()
    return u / u.norm(), u.norm()


def combine(outer, duals, matrices):
    """The network's dual norm, and each block's coefficient, of the duals times radii."""
    if outer == "max":
        total = sum(duals.values())
        return total, dict.fromkeys(duals, total)
    whole = sum((d for n, d in duals.items() if n in matrices), torch.zeros((), dtype=DOUBLE))
    parts = [whole] if outer == "hybrid" else [d for n, d in duals.items() if n in matrices]
    total = torch.stack(parts + [d for n, d in duals.items() if n not in matrices]).norm()
    own = lambda n: whole if outer == "hybrid" and n in matrices else duals[n]
    return total, {n: own(n) for n in duals}


FORMS = [
    {"outer": "max", "update": "constrained", "backup": "inf"},
    {"outer": "hybrid", "update": "constrained", "backup": "l2"},
    {"outer": "hybrid", "update": "regularized", "backup": "l2"},
    {"outer": "l2", "update": "regularized", "backup": "l2"},
]
