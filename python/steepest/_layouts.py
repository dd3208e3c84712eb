# SPDX-License-Identifier: Apache-2.0
"""How a parameter is stored: which of its dimensions are out and in, and what is fused into it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import nn

from ._model import Found, Model, flat, number

# Fused query, key and value, one after the other; the other names are trusted only by class.
QKV = {"qkv", "qkv_proj", "Wqkv", "wqkv", "to_qkv", "attn_qkv", "qkv_linear", "in_proj_qkv"}
QKV |= {"c_attn", "query_key_value", "in_proj_weight"}
KV = {"kv", "to_kv"}
# Query, key and value of each head in turn, by the type's full name.
INTERLEAVED = re.compile(
    r"bloom|neox|falcon|persimmon|codegen|lightningattention|deberta|tiny_?vit|levit|"
    r"efficientformer|internlm|maxxvit"
)
GATE_UP = {"gate_up_proj", "up_gate_proj", "gate_up", "w13", "w12", "Wi", "weights_in"}
DOWN = {"down_proj", "down", "w2", "wo", "output_linear", "fc2"}
GATES = {"LSTM": 4, "GRU": 3}


@dataclass(frozen=True)
class Layout:
    """The engine's View. Matrices are (out, in); `split_dim` is of the matrix as stored."""

    view: str = "flatten"
    transposed: bool = False
    split_sizes: tuple[int, ...] | None = None
    num_heads: int | None = None
    split_dim: int = 0

    def keys(self) -> dict[str, Any]:
        """As keys of a parameter group."""
        sizes = None if self.split_sizes is None else list(self.split_sizes)
        return {**asdict(self), "split_sizes": sizes}

    def __str__(self) -> str:
        words = ["batch"] if self.view == "batch" else []
        words += ["transposed"] if self.transposed else []
        if self.split_sizes is not None:
            words.append(f"{'+'.join(map(str, self.split_sizes))} of dim {self.split_dim}")
        if self.num_heads is not None:
            words.append(f"{self.num_heads} parts of dim {self.split_dim}")
        return ", ".join(words) or "-"


def layout_of(keys: dict[str, Any]) -> Layout:
    """From the keys a user wrote. Raises ValueError for an unknown key or value."""
    allowed = Layout().keys()
    for key in keys:
        if key not in allowed:
            raise ValueError(f'route: views: received "{key}", allowed {", ".join(allowed)}')
    if keys.get("view", "flatten") not in ("flatten", "batch"):
        raise ValueError(f'route: view: received "{keys["view"]}", allowed flatten, batch')
    sizes = keys.get("split_sizes")
    return Layout(**{**keys, "split_sizes": None if sizes is None else tuple(sizes)})


def check_layout(name: str, shape: tuple[int, ...], layout: Layout) -> None:
    """Raises ValueError where the engine would refuse this layout for a matrix of this shape."""
    sizes, heads = layout.split_sizes, layout.num_heads
    if len(shape) < 2:
        raise ValueError(
            f"{name}: role matrix: received shape {shape}, allowed 2 dimensions or more"
        )
    if sizes is None and heads is None:
        return
    if sizes is not None and heads is not None:
        raise ValueError(f"{name}: received split_sizes and num_heads, allowed one of them")
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


def matrix_size(shape: tuple[int, ...], layout: Layout) -> tuple[int, int]:
    """Of one stored matrix, before splits."""
    return (shape[-2], shape[-1]) if layout.view == "batch" and len(shape) > 2 else flat(shape)


def find_layout(found: Found, model: Model) -> tuple[Layout, str]:
    """The layout of a matrix and the words that explain it, "" for an ordinary one."""
    if found.is_convolution:
        return _convolution(found)
    if isinstance(found.owner, nn.Bilinear):
        return Layout(), "bilinear, flattened to (out, in1 in2)"
    return _stack(found, model) if len(found.shape) > 2 else _matrix(found, model)


def _convolution(found: Found) -> tuple[Layout, str]:
    transposed = "ConvTranspose" in found.kind or getattr(found.owner, "transposed", False) is True
    words = "transposed convolution, stored (in, out k)" if transposed else "convolution, flattened"
    if (number(found.owner, "groups") or 1) > 1:
        words += ", its groups together"
    return Layout(transposed=transposed), words


def _stack(found: Found, model: Model) -> tuple[Layout, str]:
    """(E, out, in) or (E, in, out), the leading dimensions a batch; or (in, heads, size)."""
    heads, size = number(found.owner, "n_head", "num_heads"), number(found.owner, "d_head")
    if found.shape[1:] == (heads, size):  # XLNet, Funnel; o leads back to the stream
        out_first = found.leaf == "o"
        return Layout(transposed=not out_first), "its heads together, " + (
            "(out, heads size)" if out_first else "stored (in, heads size)"
        )
    what = "stacked experts" if "expert" in found.name.lower() + found.kind.lower() else "stack"
    transposed = _stacked_in_out(found, model)
    words = f"{what} ({'in, out' if transposed else 'out, in'})"
    if transposed is None and found.shape[-1] != found.shape[-2]:
        words = f"{what}, taken as (out, in)"
    layout = Layout(view="batch", transposed=bool(transposed))
    if found.key not in GATE_UP:
        return layout, words
    dim = 1 if transposed else 0
    out = found.shape[-2:][dim]
    interleaved = getattr(found.owner, "is_concatenated", True) is False
    if transposed is None or out % 2 or interleaved:
        return layout, words + "; gate and up" + ", interleaved" * interleaved + ": taken whole"
    halves = replace(layout, split_sizes=(out // 2, out // 2), split_dim=dim)
    return halves, words + "; fused gate and up"


def _stacked_in_out(found: Found, model: Model) -> bool | None:
    """From the owner's word, the bias (E, out), gate-up against down, the hidden size; or None."""
    if isinstance(said := getattr(found.owner, "is_transposed", None), bool):
        return said
    rows, cols = found.shape[-2:]
    prefix = found.name.removesuffix(found.leaf)
    for bias in (f"{found.leaf}_bias", found.leaf.replace("weight", "bias")):
        shape = model.shape(prefix + bias) if bias != found.leaf else None
        if shape and rows != cols and shape[-1] in (rows, cols):
            return shape[-1] == cols
    ups = [model.shape(prefix + name) for name in GATE_UP]
    downs = [model.shape(prefix + name) for name in DOWN]
    for up in filter(None, ups):
        for down in filter(None, downs):  # 2I x H and H x I, or H x 2I and I x H
            if up[-2] == 2 * down[-1] and up[-1] == down[-2]:
                return False
            if up[-1] == 2 * down[-2] and up[-2] == down[-1]:
                return True
    sizes = (
        number(found.owner, "out_features", "output_size"),
        number(found.owner, "in_features", "input_size"),
    )
    if rows != cols and sizes in ((rows, cols), (cols, rows)):
        return sizes == (cols, rows)
    hidden = number(found.owner, "hidden_size", "hidden_dim")
    if rows != cols and hidden in (rows, cols):
        return (hidden == rows) != (found.key in DOWN)
    return None


def _matrix(found: Found, model: Model) -> tuple[Layout, str]:
    if (experts := number(found.owner, "moe_num_experts")) and number(
        found.owner, "ffn_hidden_size"
    ) == found.shape[0] / experts:  # DBRX: (E I, H), also for the way down
        down = found.key in DOWN
        words = f"stacked experts ({'in, out' if down else 'out, in'})"
        return Layout(num_heads=experts, transposed=down), words
    transposed, words = _in_out(found, model)
    dim = 1 if transposed else 0
    if isinstance(found.owner, nn.RNNBase) and found.leaf.startswith(("weight_ih", "weight_hh")):
        gates = GATES.get(found.owner.mode)
        return Layout(num_heads=gates), f"{gates} fused gates" if gates else words
    sizes, fused = _fused(found, found.shape[dim], found.shape[1 - dim])
    layout = Layout(transposed=transposed, split_sizes=sizes, split_dim=dim if sizes else 0)
    return layout, "; ".join(filter(None, [words, fused]))


def _in_out(found: Found, model: Model) -> tuple[bool, str]:
    """Whether a matrix is stored (in, out)."""
    rows, cols = found.shape
    if found.kind == "Conv1D":
        return True, "Conv1D, stored (in, out)"
    if found.is_lora and not found.is_linear and rows != cols:  # the rank is the smaller size
        transposed = (rows < cols) == (re.search(r"lora_(B|up)", found.name) is not None)
        return transposed, "LoRA pair, stored (in, out)" if transposed else "LoRA pair"
    if found.is_lora:
        return False, "LoRA pair"
    if found.owner is None and found.key in ("c_attn", "c_fc", "c_proj", "q_attn"):
        if any(s[1] == 3 * s[0] for s in _c_attns(model)):
            return True, "Conv1D by c_attn's shape, stored (in, out)"
    if re.search(r"Router|Gate$", found.kind) or "router" in found.path:
        return False, "router"
    if found.owner is None or found.is_linear or isinstance(found.owner, _KNOWN):
        return False, ""
    return False, f"matrix of {found.kind}, taken as (out, in)"


_KNOWN = (nn.MultiheadAttention, nn.RNNBase, nn.RNNCellBase)


def _c_attns(model: Model) -> list[tuple[int, ...]]:
    return [f.shape for f in model.found if f.key == "c_attn" and len(f.shape) == 2]


def _fused(found: Found, out: int, into: int) -> tuple[tuple[int, ...] | None, str]:
    """The sizes of the parts along out, and words; no sizes where they are not certain."""
    parent = found.owner if found.leaf == "in_proj_weight" else found.parent
    if found.key in GATE_UP or (found.key == "fc1" and type(parent).__name__ == "GluMlp"):
        if getattr(parent, "is_concatenated", True) is False or out % 2:
            return None, "fused gate and up, interleaved: taken whole"
        return (out // 2, out // 2), "fused gate and up"
    cross = found.key == "c_attn" and getattr(parent, "is_cross_attention", False) is True
    if cross or (found.key in KV and out == 2 * into):
        return ((out // 2, out // 2), "fused k, v") if out % 2 == 0 else (None, "")
    if found.key not in QKV or (found.key == "in_proj_weight" and out != 3 * into):
        return None, ""
    if _interleaved(found, parent):
        return None, "fused q, k, v, interleaved by head: taken whole"
    sizes = _qkv_sizes(parent, out, into)
    return sizes, "fused q, k, v" + ("" if sizes else " of unknown sizes: taken whole")


def _interleaved(found: Found, parent: nn.Module | None) -> bool:
    full = f"{type(parent).__module__}.{type(parent).__name__}".lower()
    if found.key == "query_key_value" and "glm" not in full:
        return True
    return INTERLEAVED.search(full) is not None or getattr(parent, "multi_query", None) is False


def _qkv_sizes(parent: nn.Module | None, out: int, into: int) -> tuple[int, ...] | None:
    """(q, k, v), from the attention's or its config's attributes, or equal where out = 3 in."""
    heads = number(parent, "num_heads", "num_attention_heads", "n_head", "n_heads")
    groups = number(parent, "num_key_value_heads", "num_kv_heads", "kv_heads", "n_kv_heads",
                    "n_local_heads") or heads  # fmt: skip
    dim = number(parent, "head_dim", "head_size", "attention_head_size")
    if heads and groups and dim and (heads + 2 * groups) * dim == out:
        return heads * dim, groups * dim, groups * dim
    key, value = number(parent, "key_dim"), number(parent, "value_dim")
    if key and value and 2 * key + value == out:
        return key, key, value
    width = number(parent, "attn_dim", "dim_out", "all_head_size")
    if out in (3 * into, 3 * (width or 0)) and groups == heads:
        return out // 3, out // 3, out // 3
    return None
