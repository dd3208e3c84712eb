# SPDX-License-Identifier: Apache-2.0
"""A model's parameters, each with its name, the module that holds it and that module's parent."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

WRAPPERS = {"base_layer", "_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"}
LORA = re.compile(r"(^|\.)lora_(A|B|down|up)(\.|$)")


@dataclass(frozen=True)
class Found:
    """One parameter. `owner` and `parent` are None where only its name and shape are known."""

    name: str
    tensor: torch.Tensor
    path: tuple[str, ...]  # of the owner, without wrappers
    leaf: str  # the parameter's own name, "weight"
    owner: nn.Module | None = None
    parent: nn.Module | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.tensor.shape)

    @property
    def kind(self) -> str:
        """The owner's type, "" if unknown."""
        return type(self.owner).__name__ if self.owner is not None else ""

    @property
    def key(self) -> str:
        """The name that says what it does: "q_proj" of q_proj.weight, "gate_up_proj" of itself."""
        return self.path[-1] if self.path and self.leaf in ("weight", "kernel") else self.leaf

    @property
    def is_convolution(self) -> bool:
        """A convolution's kernel, (out, in / groups, k..) or transposed (in, out / groups, k..)."""
        dims = len(self.shape)
        if self.owner is None:
            return self.leaf == "weight" and (dims > 3 or (dims == 3 and "conv" in self.name))
        return dims > 2 and (isinstance(self.owner, _ConvNd) or "Conv" in self.kind)

    @property
    def is_linear(self) -> bool:
        """The matrix of a linear layer; by its name alone where nothing else is known."""
        if len(self.shape) != 2 or self.leaf != "weight":
            return False
        return (
            self.owner is None
            or self.kind == "Conv1D"
            or isinstance(self.owner, nn.Linear)
            or "Linear" in self.kind
        )

    @property
    def is_lora(self) -> bool:
        return LORA.search(self.name) is not None


@dataclass
class Model:
    """The distinct parameters in order; `places` has a tied one as often as it stands."""

    found: list[Found]
    places: list[Found]
    module: nn.Module | None = None
    modules: dict[str, nn.Module] = field(default_factory=dict)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the parameter of this name, None if there is none."""
        return self._shapes.get(name)

    def __post_init__(self) -> None:
        self._shapes = {found.name: found.shape for found in self.found}


def read(model: nn.Module | Iterable[tuple[str, torch.Tensor]]) -> Model:
    """The parameters of a module, or of (name, tensor) pairs.

    Raises TypeError for anything else, ValueError for a parameter that has no shape yet.
    """
    module = model if isinstance(model, nn.Module) else None
    modules = dict(module.named_modules()) if module is not None else {}
    places = _of_module(modules) if module is not None else _of_pairs(model)  # type: ignore[arg-type]
    places = list(places)
    for found in places:
        if nn.parameter.is_lazy(found.tensor):
            raise ValueError(f"route: {found.name}: received no shape yet, allowed after a forward")
    first = {id(found.tensor): found for found in reversed(places)}
    return Model([f for f in places if first[id(f.tensor)] is f], places, module, modules)


def _of_pairs(pairs: Iterable[tuple[str, torch.Tensor]]) -> Iterable[Found]:
    for pair in pairs:
        if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
            raise TypeError(f"route: received {type(pair).__name__}, allowed (name, tensor) pairs")
        *path, leaf = pair[0].split(".")
        yield Found(pair[0], pair[1], _without_wrappers(path), leaf)


def _of_module(modules: dict[str, nn.Module]) -> Iterable[Found]:
    """Names and order are those of named_parameters()."""
    for prefix, holder in modules.items():
        steps = prefix.split(".") if prefix else []
        for leaf, tensor in holder._parameters.items():
            if tensor is None:
                continue
            name, owner, path = ".".join([*steps, leaf]), holder, steps
            if "parametrizations" in steps:  # conv.parametrizations.weight.original1
                at = steps.index("parametrizations")
                path, leaf = steps[:at], steps[at + 1]
                owner = modules[".".join(path)]
            short = _without_wrappers(path)
            yield Found(name, tensor, short, leaf, owner, _parent(modules, path))


def _without_wrappers(path: Iterable[str]) -> tuple[str, ...]:
    return tuple(step for step in path if step not in WRAPPERS)


def _parent(modules: dict[str, nn.Module], path: list[str]) -> nn.Module | None:
    """The module around path's, past wrappers and lists."""
    while path and path[-1] in WRAPPERS:
        path = path[:-1]
    return modules.get(".".join(path[:-1])) if path else None


def number(module: nn.Module | None, *names: str) -> int | None:
    """The first of these positive whole-number attributes, of the module or of its config."""
    for source in (module, getattr(module, "config", None)):
        for name in names:
            value = getattr(source, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and value > 0:
                return value
    return None


def flat(shape: tuple[int, ...]) -> tuple[int, int]:
    """A shape as a matrix: the first dimension, and the others together."""
    return shape[0], math.prod(shape[1:])
