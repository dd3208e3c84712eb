# SPDX-License-Identifier: Apache-2.0
"""The rules' verdict on each parameter; the rules themselves are the library's, as for C++."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from torch import nn

from ._layouts import Layout
from ._library import ops
from ._model import Found, Model

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


def skip_reason(found: Found) -> str:
    """Why a parameter takes no part, "" if it does."""
    tensor = found.tensor
    if not tensor.is_floating_point():
        return f"not floating point: {str(tensor.dtype).removeprefix('torch.')}"
    if tensor.element_size() < 2:
        return f"quantised: {str(tensor.dtype).removeprefix('torch.')}"
    if not tensor.requires_grad and (found.owner is not None or isinstance(tensor, nn.Parameter)):
        return "frozen"
    return ""


def judge(model: Model) -> dict[str, Verdict]:
    """By name; the second place of a tied parameter as well."""
    ids: dict[int, int] = {}
    asked, answered = _ask(model)
    numbers: dict[int, dict[str, int]] = {}

    def numbers_of(module: nn.Module | None) -> dict[str, int]:
        if id(module) not in numbers:
            numbers[id(module)] = _numbers(module)
        return numbers[id(module)]

    facts = []
    for found in model.places:
        fact: dict[str, Any] = {"name": found.name, "shape": found.shape}
        fact["tensor"] = ids.setdefault(id(found.tensor), len(ids))
        if found.owner is not None:
            fact |= {"own": _types(found.owner), "around": found.around}
            fact |= {"numbers": numbers_of(found.owner), "parent": _full_type(found.parent)}
            fact["parent_numbers"] = numbers_of(found.parent)
        fact["asked"] = asked.get(id(found.tensor), "")
        fact["says"] = _closest(found.name, answered)
        facts.append(fact)
    verdicts = {}
    for found, word in zip(model.places, json.loads(ops.route(json.dumps(facts))), strict=True):
        sizes = word["split_sizes"]
        layout = Layout(word["view"], word["transposed"], sizes and tuple(sizes),
                        word["num_heads"], word["split_dim"])  # fmt: skip
        verdicts[found.name] = Verdict(word["role"], layout, word["reason"])
    return verdicts


def _types(owner: nn.Module) -> list[str]:
    """Its own type, and those of torch among its bases."""
    kinds = [cls.__name__ for cls in type(owner).__mro__ if cls.__module__.startswith("torch.")]
    return [type(owner).__name__, *(kind for kind in kinds if kind in _BASES)]


def _full_type(module: nn.Module | None) -> str:
    return f"{type(module).__module__}.{type(module).__name__}".lower()


def _numbers(module: nn.Module | None) -> dict[str, int]:
    """Whole numbers and flags; a kernel's size, which may be a tuple, as its product's first."""
    found: dict[str, int] = {}
    for prefix, source in (("", module), ("config.", getattr(module, "config", None))):
        for name in _NUMBERS if source is not None else ():
            value = getattr(source, name, None)
            if isinstance(value, tuple) and value:
                value = value[0]
            if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63:
                found[prefix + name] = value
    for name in _FLAGS if module is not None else ():
        value = getattr(module, name, None)
        if isinstance(value, bool):
            found[name] = int(value)
    return found


def _ask(model: Model) -> tuple[dict[int, str], dict[str, str]]:
    """What modules themselves call their output, by Transformers' and timm's methods.

    By tensor, the method; by the asked module's name, "head" or "none".
    """
    asked: dict[int, str] = {}
    answered: dict[str, str] = {}
    for prefix, module in model.modules.items():
        for method in ("get_output_embeddings", "get_classifier"):
            answer = getattr(type(module), method, None)
            if not callable(answer):
                continue
            try:
                answer = answer(module)
            except Exception:  # of any kind: the method is another library's
                continue
            heads = [f for head in _as_list(answer) for f in _layers_of(head, model)]
            for found in heads:
                asked.setdefault(id(found.tensor), method)
            if heads or prefix not in answered:
                answered[prefix] = "head" if heads else "none"
    return asked, answered


def _as_list(answer: Any) -> list[nn.Module]:
    heads = answer if isinstance(answer, (tuple, list)) else [answer]
    return [head for head in heads if isinstance(head, nn.Module)]


def _layers_of(head: nn.Module, model: Model) -> list[Found]:
    """A head's matrices; of a sequence the last alone."""
    order = {id(p): i for i, p in enumerate(head.parameters()) if p.dim() > 1}
    own = [f for f in model.places if id(f.tensor) in order and f.is_layer]
    own.sort(key=lambda found: order[id(found.tensor)])
    return own[-1:] if isinstance(head, nn.Sequential) else own


def _closest(name: str, answered: dict[str, str]) -> str:
    """What the innermost asked module around a parameter answered."""
    if not answered:
        return ""
    prefix = name
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        if prefix in answered:
            return answered[prefix]
    return answered.get("", "")
