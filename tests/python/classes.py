# SPDX-License-Identifier: Apache-2.0
"""Every optimizer class, for tests of what all of them share."""

from __future__ import annotations

import warnings

import torch

import steepest
from steepest import catalog

CLASSES = {**catalog.CLASSES, "steepest-descent": steepest.SteepestDescent}
# Those without such a form: momentum after the norm or one that is no mean of gradients, and
# weights that do not move along a line.
NO_MOMO = ("orthogonal-sgdm", "dion", "dion2", "muown")
MOMO = [name for name in CLASSES if name not in NO_MOMO]
KINDS = [(name, {}) for name in CLASSES] + [(name, {"step_size": "momo"}) for name in MOMO]
IDS = [name + ("-momo" if options else "") for name, options in KINDS]


def make(name: str, params, **options):
    return CLASSES[name](params, **{"lr": 0.05, **options})


def said(action) -> list[str]:
    """The package's warnings while ``action`` runs."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        action()
    return [str(w.message) for w in seen if "steepest" in str(w.message)]


def step(optimizer, seed: int = 0) -> None:
    """One step with random gradients for all that is trained, and a loss where one is needed."""
    generator = torch.Generator().manual_seed(seed)
    for p in optimizer._params():
        p.grad = torch.randn(p.shape, generator=generator).to(p)
    optimizer.step(loss=1.0) if optimizer._momo() else optimizer.step()
