# SPDX-License-Identifier: Apache-2.0
"""A model's parameters, each with its name, the module that holds it and that module's parent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

WRAPPERS = {"base_layer", "module", "_orig_mod", "_checkpoint_wrapped_module",
            "_fsdp_wrapped_module", "_forward_module"}  # fmt: skip


@dataclass(frozen=True)
class FoundParam:
    """One parameter. `owner` and `parent` are None where only its name and shape are known."""

    name: str
    tensor: torch.Tensor
    owner: nn.Module | None = None
    parent: nn.Module | None = None
    around: tuple[str, ...] = ()  # types of the modules from the root to the owner

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.tensor.shape)

    @property
    def is_layer(self) -> bool:
        """Whether it is the weight of a linear layer or a convolution, and no LoRA of one."""
        kind = type(self.owner).__name__
        layer = isinstance(self.owner, (nn.Linear, _ConvNd)) or "Linear" in kind or "Conv" in kind
        return layer and self.tensor.dim() > 1 and ".lora_" not in self.name


@dataclass
class Model:
    """A network's parameters in order: `found` has each once, `places` a tied one at every place.

    `modules` are its modules by their path, none where the network was (name, tensor) pairs.
    """

    found: list[FoundParam]
    places: list[FoundParam]
    modules: dict[str, nn.Module] = field(default_factory=dict)

    @property
    def module(self) -> nn.Module | None:
        """The network itself, None where it was (name, tensor) pairs."""
        return self.modules.get("")


def read(model: nn.Module | Iterable[tuple[str, torch.Tensor]]) -> Model:
    """The parameters of a module, or of (name, tensor) pairs, of which no module is known.

    A tied parameter is found under its first name. Raises TypeError for anything else, ValueError
    for a parameter that has no shape yet.
    """
    if isinstance(model, nn.Module):
        modules = dict(model.named_modules())
        places = list(_of_module(modules))
    else:
        modules, places = {}, list(_of_pairs(model))
    for found in places:
        if nn.parameter.is_lazy(found.tensor):
            raise ValueError(f"route: {found.name}: received no shape yet, allowed after a forward")
    first = {id(found.tensor): found for found in reversed(places)}
    return Model([f for f in places if first[id(f.tensor)] is f], places, modules)


def _of_pairs(pairs: Iterable[tuple[str, torch.Tensor]]) -> Iterator[FoundParam]:
    """The parameters of (name, tensor) pairs; raises TypeError for what is none."""
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise TypeError(f"route: received {type(pair).__name__}, allowed (name, tensor) pairs")
        yield FoundParam(*pair)


def _of_module(modules: dict[str, nn.Module]) -> Iterator[FoundParam]:
    """Yields every parameter of ``modules``, a network's named_modules(); a tied one at each place.

    Names and order are those of named_parameters(). The owner of a parametrized weight is the
    module whose weight it is. ``around``, the types from the root to what holds the parameter, has
    "" for a module that is not among ``modules``.
    """
    for prefix, holder in modules.items():
        steps = prefix.split(".") if prefix else []
        params = [(leaf, p) for leaf, p in holder._parameters.items() if p is not None]
        if not params:
            continue
        path = steps
        if "parametrizations" in steps:  # conv.parametrizations.weight.original1
            path = steps[: steps.index("parametrizations")]
        owner, parent = modules[".".join(path)], _parent(modules, path)
        around = tuple(
            type(modules[".".join(steps[:i])]).__name__ if ".".join(steps[:i]) in modules else ""
            for i in range(len(steps) + 1)
        )
        for leaf, tensor in params:
            yield FoundParam(".".join([*steps, leaf]), tensor, owner, parent, around)


def _parent(modules: dict[str, nn.Module], path: list[str]) -> nn.Module | None:
    """The parent of the module at ``path``, the parts of its name; None of the root.

    The parent of a wrapped module is that of its wrapper.
    """
    while path and path[-1] in WRAPPERS:
        path = path[:-1]
    return modules.get(".".join(path[:-1])) if path else None
