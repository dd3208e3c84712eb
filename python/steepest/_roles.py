# SPDX-License-Identifier: Apache-2.0
"""The rules' verdict on each parameter; the rules themselves are the library's, as for C++."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from torch import nn

from ._layouts import Layout
from ._library import ops
from ._model import FoundParam, Model

# What the rules ask of a module or of its configuration.
_NUMBERS = ("groups", "in_channels", "kernel_size", "num_heads", "num_attention_heads", "n_head",
            "n_heads", "num_key_value_heads", "num_kv_heads", "kv_heads", "n_kv_heads",
            "n_local_heads", "head_dim", "head_size", "attention_head_size", "key_dim", "value_dim",
            "attn_dim", "dim_out", "all_head_size", "d_head", "moe_num_experts", "ffn_hidden_size",
            "out_features", "output_size", "in_features", "input_size", "hidden_size",
            "hidden_dim")  # fmt: skip
_FLAGS = ("transposed", "is_transposed", "is_concatenated", "is_cross_attention", "multi_query")
# Classes of torch whose subclasses are known by them, whatever their own names.
_BASES = ("Linear", "_ConvNd", "Embedding", "EmbeddingBag", "Bilinear", "MultiheadAttention",
          "RNNBase", "RNNCellBase", "ParameterDict", "ParameterList")  # fmt: skip


class Verdict(NamedTuple):
    """`layout` is that of a matrix, also where the role is "backup"."""

    role: str
    layout: Layout
    reason: str


def skip_reason(found: FoundParam) -> str:
    """Why a parameter cannot be trained, for the table of routes; "" where it can."""
    tensor = found.tensor
    if not tensor.is_floating_point():
        return f"not floating point: {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.element_size() < 2:
        return f"quantised: {str(tensor.dtype).removeprefix('torch.')}"
    if not tensor.requires_grad and (found.owner is not None or isinstance(tensor, nn.Parameter)):
        return "frozen"
    return ""


def judge(model: Model) -> dict[str, Verdict]:
    """The routing rules' verdict (role, layout, reason) on each parameter, by its name.

    A tied parameter has one under each of its names. The rules are in C++: the facts that they
    look at (names, shapes, types and numbers of modules) go there as JSON, and the verdicts come
    back in their order.
    """
    ids: dict[int, int] = {}
    heads, answers = _find_named_heads(model)
    numbers: dict[int, dict[str, int]] = {}

    # _module_numbers, kept: a module is the owner or the parent of several parameters.
    def numbers_of(module: nn.Module | None) -> dict[str, int]:
        if id(module) not in numbers:
            numbers[id(module)] = _module_numbers(module)
        return numbers[id(module)]

    facts = []
    for found in model.places:
        fact: dict[str, Any] = {"name": found.name, "shape": found.shape}
        fact["tensor"] = ids.setdefault(id(found.tensor), len(ids))
        if found.owner is not None:
            fact |= {"own": _type_names(found.owner), "around": found.around}
            fact |= {"numbers": numbers_of(found.owner), "parent": _full_type(found.parent)}
            fact["parent_numbers"] = numbers_of(found.parent)
        fact["asked"] = heads.get(id(found.tensor), "")
        fact["says"] = _innermost_answer(found.name, answers)
        facts.append(fact)
    verdicts = {}
    for found, judged in zip(model.places, json.loads(ops.route(json.dumps(facts))), strict=True):
        sizes = judged["split_sizes"]
        layout = Layout(judged["view"], judged["transposed"], sizes and tuple(sizes),
                        judged["num_heads"], judged["split_dim"])  # fmt: skip
        verdicts[found.name] = Verdict(judged["role"], layout, judged["reason"])
    return verdicts


def _type_names(owner: nn.Module) -> list[str]:
    """The name of a module's class, and of those bases of it that the rules know (``_BASES``)."""
    kinds = [cls.__name__ for cls in type(owner).__mro__ if cls.__module__.startswith("torch.")]
    return [type(owner).__name__, *(kind for kind in kinds if kind in _BASES)]


def _full_type(module: nn.Module | None) -> str:
    """A module's class with its package, in lower case: "torch.nn.modules.linear.linear"."""
    return f"{type(module).__module__}.{type(module).__name__}".lower()


def _module_numbers(module: nn.Module | None) -> dict[str, int]:
    """What the rules ask of a module and of its config (_NUMBERS and _FLAGS), by attribute name.

    Only what the module has is there; of a tuple, such as a kernel's size, the first number. The
    names of its config's begin with "config.".
    """
    numbers: dict[str, int] = {}
    for prefix, source in (("", module), ("config.", getattr(module, "config", None))):
        for name in _NUMBERS if source is not None else ():
            value = getattr(source, name, None)
            if isinstance(value, tuple) and value:
                value = value[0]
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
                numbers[prefix + name] = value
    for name in _FLAGS if module is not None else ():
        value = getattr(module, name, None)
        if isinstance(value, bool):
            numbers[name] = int(value)
    return numbers


class _Heads(NamedTuple):
    """What a network's modules say of their output heads."""

    methods: dict[int, str]  # of a head's weight, by id: the method that named it
    answers: dict[str, str]  # of a module that was asked, by its name: "head" or "none"


def _find_named_heads(model: Model) -> _Heads:
    """Finds the output heads that modules name themselves, asking each that has a method for it.

    The methods are get_output_embeddings, of Transformers, and get_classifier, of timm. One that
    raises is passed over. The result has the method that named each head's weight, by id(weight),
    and each asked module's answer, by its name: "head", or "none" where it names no layer here.
    """
    methods: dict[int, str] = {}
    answers: dict[str, str] = {}
    for prefix, module in model.modules.items():
        for method in ("get_output_embeddings", "get_classifier"):
            answer = getattr(type(module), method, None)
            if not callable(answer):
                continue
            try:
                answer = answer(module)
            except Exception:  # of any kind: the method is another library's
                continue
            heads = [f for head in _modules_in(answer) for f in _layers_of(head, model)]
            for found in heads:
                methods.setdefault(id(found.tensor), method)
            if heads or prefix not in answers:
                answers[prefix] = "head" if heads else "none"
    return _Heads(methods, answers)


def _modules_in(answer: Any) -> list[nn.Module]:
    """The modules in what a method has returned that names heads: one, several, or none."""
    heads = answer if isinstance(answer, (tuple, list)) else [answer]
    return [head for head in heads if isinstance(head, nn.Module)]


def _layers_of(head: nn.Module, model: Model) -> list[FoundParam]:
    """The weights of a head's linear layers and convolutions, in order; of a Sequential the last.

    Earlier layers of a Sequential are hidden ones.
    """
    order = {id(p): i for i, p in enumerate(head.parameters()) if p.dim() > 1}
    layers = [f for f in model.places if id(f.tensor) in order and f.is_layer]
    layers.sort(key=lambda found: order[id(found.tensor)])
    return layers[-1:] if isinstance(head, nn.Sequential) else layers


def _innermost_answer(name: str, answers: dict[str, str]) -> str:
    """The answer of the innermost module around the parameter ``name`` that was asked, else "".

    ``answers``: see _Heads.
    """
    if not answers:
        return ""
    prefix = name
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        if prefix in answers:
            return answers[prefix]
    return answers.get("", "")
