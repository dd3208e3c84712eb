# SPDX-License-Identifier: Apache-2.0
"""Which parameters are matrices to be steepened and which are left to the backup, with why."""

from __future__ import annotations

import re
from collections import Counter

from torch import nn

from ._model import Found, Model, number

HEADS = {"head", "heads", "head_dist", "lm_head", "classifier", "score", "unembed", "unembedding"}
HEADS |= {"embed_out", "output_layer", "output_projection", "qa_outputs", "seq_relationship"}
HEADS |= {"cls_score", "bbox_pred", "bbox_predictor", "class_labels_classifier"}
HEADS |= {"logits", "cls_logits", "to_logits", "aux_head", "aux_classifier"}
BIAS = re.compile(r"(^|_)bias(es)?(_(k|v|ih|hh|hr)\w*)?$")
# Tables and tokens held as bare parameters.
TABLE = re.compile(
    r"embed(ding)?s?(_table)?$|^embed|(^|_)pos(ition(al)?)?(_|$)|(^|_)rel(ative)?_pos|"
    r"bias_table|(^|_)tokens?$|^(latents?|queries|object_queries)$"
)
# The same, and embeddings, where only a name is known.
EMBEDDING_NAME = re.compile(
    r"emb(ed(ding)?s?)?(_(in|out|tokens?|positions?))?$|^w[tp]e$|^shared$|relative_attention_bias"
)
STATE_SPACE = {"A_log", "D", "dt_bias"}
PATCHES = re.compile(r"^(patch(ify|_?embed)|embeds$)")


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


class Roles:
    """The rules of one model; what a rule needs of the whole model is found once."""

    def __init__(self, model: Model) -> None:
        self.embeddings = {id(f.tensor) for f in model.places if is_embedding(f)}
        self.tied = Counter(id(f.tensor) for f in model.places)
        convolutions = [f.name for f in model.found if f.is_convolution and not f.is_lora]
        self.first_convolution = convolutions[0] if convolutions else None
        self.patches = _first_patches(model)
        asked = _asked_heads(model)
        self.heads = {**_named_heads(model, bool(asked)), **asked} or _head_by_shape(model)

    def judge(self, found: Found) -> tuple[str, str]:
        """(role, reason): "backup" or "matrix"; the first rule that speaks wins."""
        rules = (self._bias_or_norm, self._table, self._narrow, self._layer)
        reason = next(filter(None, (rule(found) for rule in rules)), "")
        return ("backup", reason) if reason else ("matrix", "matrix")

    def _bias_or_norm(self, found: Found) -> str:
        """Of any shape: experts' biases have 2 dimensions, so have some norms."""
        if BIAS.search(found.leaf):
            return "bias"
        if "Norm" in found.kind and not (found.is_linear or found.is_convolution):
            return f"norm: {found.kind}"
        if "lora_magnitude" in found.name:
            return "magnitude of DoRA"
        return ""

    def _narrow(self, found: Found) -> str:
        """What has fewer than 2 dimensions that are not 1."""
        wide = sum(size != 1 for size in found.shape)
        if wide < 2 and len(found.shape) > 1:
            return "1 x n"
        return ["scalar", "vector"][wide] if wide < 2 else ""

    def _table(self, found: Found) -> str:
        """Embeddings, what is tied to one, output heads, positions and tokens."""
        if "lora_embedding_" in found.name:
            return "LoRA of an embedding"
        if id(found.tensor) in self.embeddings:
            return "embedding, tied" if self.tied[id(found.tensor)] > 1 else "embedding"
        if found.is_lora:
            return ""
        if id(found.tensor) in self.heads:
            return self.heads[id(found.tensor)]
        bare = not (found.is_linear or found.is_convolution)
        if bare and TABLE.search(found.leaf):
            return "position table or token"
        return "state space" if bare and found.leaf in STATE_SPACE else ""

    def _layer(self, found: Found) -> str:
        """Depthwise convolutions and what reads an input, patch embeddings included."""
        if found.is_lora:
            return ""
        if found.is_convolution and _is_depthwise(found):
            return "depthwise convolution"
        if found.name in self.patches:
            return "patch embedding"
        if found.name == self.first_convolution:
            return "first convolution"
        return "convolution of a raw input" if _channels(found) in (1, 2, 3) else ""


def is_embedding(found: Found) -> bool:
    """By the type of its module; by its name where there is no module."""
    if found.is_convolution or len(found.shape) < 2:
        return False
    if found.owner is None:
        return EMBEDDING_NAME.search(found.key) is not None and not found.is_lora
    if isinstance(found.owner, (nn.Embedding, nn.EmbeddingBag)):
        return True
    return "Embed" in found.kind and not found.is_linear


def _is_depthwise(found: Found) -> bool:
    groups, channels = number(found.owner, "groups"), _channels(found)
    if groups is None or channels is None:
        return found.shape[1] == 1
    return groups > 1 and groups == channels


def _channels(found: Found) -> int | None:
    return number(found.owner, "in_channels") if found.is_convolution else None


def _outputs(model: Model) -> list[Found]:
    """What can be an output layer, in order."""
    return [f for f in model.places if (f.is_linear or f.is_convolution) and not f.is_lora]


def _asked_heads(model: Model) -> dict[int, str]:
    """What the model itself calls its output: Transformers' and timm's methods."""
    heads: dict[int, str] = {}
    for method in ("get_output_embeddings", "get_classifier"):
        try:
            answer = getattr(model.module, method)()
        except (AttributeError, NotImplementedError, TypeError):
            continue
        for head in answer if isinstance(answer, (tuple, list)) else [answer]:
            if not isinstance(head, nn.Module):
                continue
            inside = {id(p) for p in head.parameters()}
            own = [f for f in _outputs(model) if id(f.tensor) in inside]
            for found in own[-1:] if isinstance(head, nn.Sequential) else own:
                heads[id(found.tensor)] = f"output head: {method}"
    return heads


def _named_heads(model: Model, asked: bool) -> dict[int, str]:
    """The last layer below each innermost name of HEADS outside numbered layers.

    Where the model was asked for its output, only layers that are themselves so named: a "head"
    may then be what stands before it.
    """
    last: dict[tuple[str, ...], Found] = {}
    outputs = _outputs(model)
    for found in outputs:
        if (prefix := _head_prefix(found, model)) and (prefix == found.path or not asked):
            last[prefix] = found
    last = {p: f for p, f in last.items() if not any(q[: len(p)] == p != q for q in last)}
    if outputs and outputs[-1].key == "fc" and not _numbered(outputs[-1].path):
        last[outputs[-1].path] = outputs[-1]
    return {id(f.tensor): "output head by name" for f in last.values()}


def _head_prefix(found: Found, model: Model) -> tuple[str, ...]:
    """The innermost head around a layer, outside numbered layers; () if there is none."""
    prefix: tuple[str, ...] = ()
    for i, step in enumerate(found.path):
        if "router" in step:
            return ()
        if step.isdigit():
            break
        if step in HEADS:
            head = model.modules.get(".".join(found.path[: i + 1]))
            if "Pool" in type(head).__name__:  # attention pooling: what follows is the head
                return ()
            many = isinstance(head, (nn.ModuleList, nn.ModuleDict))
            prefix = found.path[: i + 1 + many]
    return prefix


def _head_by_shape(model: Model) -> dict[int, str]:
    """The last linear layer, where it has the shape of the largest embedding."""
    tables = [f for f in model.found if is_embedding(f) and len(f.shape) == 2]
    linear = [f for f in _outputs(model) if not is_embedding(f)]
    if not tables or not linear or _numbered(linear[-1].path):
        return {}
    rows, cols = max(f.shape for f in tables)
    if linear[-1].shape == (rows, cols) and rows > cols:
        return {id(linear[-1].tensor): "output head by its shape, an embedding's"}
    return {}


def _numbered(path: tuple[str, ...]) -> bool:
    return any(step.isdigit() for step in path)


def _first_patches(model: Model) -> set[str]:
    """The first layer of each patch embedding, if it reads an image and not features."""
    first: dict[tuple[str, ...], Found] = {}
    for found in _outputs(model):
        for i, step in enumerate(found.path):
            if PATCHES.match(step):
                first.setdefault((*found.path[:i], step.rstrip("0123456789")), found)
                break
    return {f.name for f in first.values() if _reads_image(f)}


def _reads_image(found: Found) -> bool:
    if found.is_convolution:
        return found.shape[1] <= 4
    before = [step for step in found.path[:-1] if not PATCHES.match(step)]
    return not _numbered(tuple(before))
