# SPDX-License-Identifier: Apache-2.0
"""QK-Clip: queries and keys of attention heads whose logits grow too large are scaled back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest._numbers import number_between, shown

_CHUNK = 1024  # queries whose logits are in memory at once


class Logits(NamedTuple):
    """What an attention module multiplies: its logits are scale q k^T, where the mask allows."""

    query: Tensor  # [.., heads, L, d]
    key: Tensor  # [.., heads or groups of them, S, d]
    scale: float | None = None  # None: 1 / sqrt(d)
    mask: Tensor | None = None  # of [.., heads, L, S]: True, or -inf, where nobody looks


class Weights(NamedTuple):
    """Tensors whose first dimension is heads times d, as views of the module's parameters."""

    query: Iterable[Tensor]  # weight and bias
    key: Iterable[Tensor]  # of as many heads, or of groups of them


class Attention(NamedTuple):
    """How :class:`QKClip` reads a kind of attention module, and what it scales.

    ``logits(module, args, kwargs)`` is called before each forward pass in training, with its
    arguments, without gradients; None where the module's own kernel finds the largest logits, which
    it then says by :meth:`QKClip.note`. ``weights(module)`` is called to scale.
    """

    logits: Callable[[Any, tuple[Any, ...], dict[str, Any]], Logits] | None
    weights: Callable[[Any], Weights]


# -- nn.MultiheadAttention -------------------------------------------------------------------------


def _projections(module: nn.MultiheadAttention) -> tuple[list[Tensor], list[Tensor]]:
    """The projection of queries and that of keys, each weight and bias, if any, as views."""
    width = module.embed_dim
    if module._qkv_same_embed_dim:
        q, k = module.in_proj_weight[:width], module.in_proj_weight[width : 2 * width]
    else:
        q, k = module.q_proj_weight, module.k_proj_weight
    if module.in_proj_bias is None:
        return [q], [k]
    return [q, module.in_proj_bias[:width]], [k, module.in_proj_bias[width : 2 * width]]


def _as_bool(mask: Tensor) -> Tensor:
    """A mask of torch's, True or -inf where nobody looks, as booleans."""
    return mask if mask.dtype == torch.bool else mask == float("-inf")


def _multihead_logits(
    module: nn.MultiheadAttention, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Logits:
    """Queries and keys of nn.MultiheadAttention, [B, heads, L, d], with its masks."""
    names = ("query", "key", "value", "key_padding_mask", "need_weights", "attn_mask")
    given = {**dict(zip(names, args)), **kwargs}
    x, y = given["query"], given["key"]
    batched = x.dim() == 3
    if batched and not module.batch_first:
        x, y = x.transpose(0, 1), y.transpose(0, 1)
    elif not batched:
        x, y = x.unsqueeze(0), y.unsqueeze(0)
    q, k = (
        functional.linear(z, *p).unflatten(-1, (module.num_heads, -1)).transpose(1, 2)
        for z, p in zip((x, y), _projections(module))
    )
    mask, padding = given.get("attn_mask"), given.get("key_padding_mask")
    hidden = None
    if mask is not None:
        hidden = _as_bool(mask)
        if hidden.dim() == 3:  # [B heads, L, S]
            hidden = hidden.unflatten(0, (-1, module.num_heads))
    if padding is not None:
        padded = _as_bool(padding).reshape(len(q), 1, 1, -1)
        hidden = padded if hidden is None else hidden | padded
    return Logits(q, k, mask=hidden)


MULTIHEAD = Attention(_multihead_logits, lambda module: Weights(*_projections(module)))


# -- any kind --------------------------------------------------------------------------------------


def _wide(x: Tensor) -> Tensor:
    """Half precision as float32, anything else as it is."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _largest(logits: Logits) -> Tensor:
    """The largest logit of each head over everything else, [heads] in float32 at least."""
    q, k = logits.query, logits.key
    scale = q.shape[-1] ** -0.5 if logits.scale is None else logits.scale
    k = k.repeat_interleave(q.shape[-3] // k.shape[-3], dim=-3).transpose(-1, -2)
    dtype = torch.promote_types(q.dtype, torch.float32)
    largest = torch.full((q.shape[-3],), float("-inf"), dtype=dtype, device=q.device)
    for begin in range(0, q.shape[-2], _CHUNK):
        part = (q[..., begin : begin + _CHUNK, :] * scale) @ k
        if logits.mask is not None:
            mask = torch.broadcast_to(logits.mask, (*part.shape[:-2], q.shape[-2], part.shape[-1]))
            part = part.masked_fill(mask[..., begin : begin + _CHUNK, :], float("-inf"))
        heads = part.movedim(-3, 0).flatten(1)
        if heads.shape[1] > 0:
            largest = torch.maximum(largest, _wide(heads.amax(1)))
    return largest


def _scale_heads(tensors: Iterable[Tensor], factors: Tensor) -> None:
    """Multiplies each head's rows of the tensors [heads d, ..] by its factor, in place."""
    for tensor in tensors:
        rows = factors.repeat_interleave(tensor.shape[0] // len(factors))
        tensor.mul_(rows.to(tensor.dtype).view(-1, *[1] * (tensor.dim() - 1)))


class QKClip:
    r"""QK-Clip (Kimi K2, arXiv 2507.20534): no attention logit grows much beyond a threshold.

    .. math:: S_h = \max_{ij}\,q_i \cdot k_j / \sqrt d, \quad
              W_q^h, W_k^h \leftarrow \sqrt{\gamma_h}\,(W_q^h, W_k^h), \quad
              \gamma_h = \min(1, \tau / S_h)

    for each head h, behind a step of any optimizer; biases are scaled as weights are. The largest
    logits are of all forward passes in training since the last :meth:`clip`: hooks compute them,
    for the price of one product :math:`q k^T` more. Heads that share a key are scaled each by its
    own :math:`\gamma_h`: the key by the root of the least, each query by what is left. Where
    queries and keys are normalized there is nothing to clip.

    Args:
        model: whose attention modules are looked after.
        tau: :math:`\tau`, above 0.
        kinds: an ``Attention`` of ``steepest.qk_clip`` for each class of module of your own;
            ``torch.nn.MultiheadAttention`` is known.

    Raises:
        ValueError: the model has no such module, or one with keys of its own (``add_bias_kv``).

    Example:
        >>> model = torch.nn.MultiheadAttention(8, 2)
        >>> clip = steepest.QKClip(model, tau=100)
        >>> x = model(*[torch.randn(5, 3, 8)] * 3)[0]
        >>> scaled = clip.clip()  # behind optimizer.step()
    """

    # Hooks the attention modules of the model; the class's docstring has the arguments.
    def __init__(
        self,
        model: nn.Module,
        tau: float = 100,
        kinds: Mapping[type[nn.Module], Attention] | None = None,
    ) -> None:
        self.tau = number_between("tau", tau, 1e-30, 1e30)
        known: dict[type[nn.Module], Attention] = {nn.MultiheadAttention: MULTIHEAD}
        known.update(kinds or {})
        self.clips: dict[str, int] = {}  # how many heads have been scaled, by the module's name
        self._modules: dict[str, tuple[nn.Module, Attention]] = {}
        self._largest: dict[str, Tensor] = {}
        self._hooks = []
        for name, module in model.named_modules():
            kind = next((known[c] for c in type(module).__mro__ if c in known), None)
            if kind is None:
                continue
            if getattr(module, "bias_k", None) is not None:
                raise ValueError(f"QKClip: {shown(name)}: received add_bias_kv, allowed without")
            self._modules[name], self.clips[name] = (module, kind), 0
            if kind.logits is not None:
                hook = self._hook(name, kind.logits)
                self._hooks.append(module.register_forward_pre_hook(hook, with_kwargs=True))
        if not self._modules:
            allowed = ", ".join(kind.__name__ for kind in known)
            raise ValueError(f"QKClip: model: received no attention module, allowed {allowed}")

    def _hook(
        self, name: str, logits: Callable[[Any, tuple[Any, ...], dict[str, Any]], Logits]
    ) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], None]:
        """Returns the hook that notes the largest ``logits`` of the module ``name`` in training."""

        @torch.no_grad()
        def look(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if module.training:
                self.note(name, _largest(logits(module, args, kwargs)))

        return look

    @torch.no_grad()
    def note(self, name: str, largest: Tensor) -> None:
        """Takes the largest logits [heads] of a forward pass of the module ``name``.

        Raises ValueError for a name that is none of the model's attention modules.
        """
        if name not in self._modules:
            raise ValueError(
                f"QKClip: note: received {shown(name)}, allowed {', '.join(self._modules)}"
            )
        before = self._largest.get(name)
        largest = _wide(largest.detach())
        self._largest[name] = largest if before is None else torch.maximum(before, largest)

    def largest(self) -> dict[str, Tensor]:
        """The largest logits [heads] since the last clip, by the modules' names.

        Where several processes see parts of a batch, reduce these tensors in place with MAX before
        :meth:`clip`.
        """
        return self._largest

    @torch.no_grad()
    def clip(self) -> int:
        """Scales the heads whose logits have been above tau, and forgets the logits.

        Call it behind each step of the optimizer. Returns the number of heads scaled.
        """
        total = 0
        for name, largest in self._largest.items():
            above = (largest > self.tau) & largest.isfinite()  # Inf would erase a head
            gamma = torch.where(above, self.tau / largest, 1)
            heads = int(above.sum())
            if heads > 0:
                module, kind = self._modules[name]
                self._scale(kind.weights(module), gamma)
            self.clips[name] += heads
            total += heads
        self._largest = {}
        return total

    @staticmethod
    def _scale(weights: Weights, gamma: Tensor) -> None:
        """Scales each head's logits by ``gamma`` [heads], through both of their factors."""
        query, key = list(weights.query), list(weights.key)
        width = query[0].shape[0] // len(gamma)
        groups = key[0].shape[0] // width
        least = gamma.view(groups, -1).amin(1)
        root = least.sqrt()
        _scale_heads(key, root)
        _scale_heads(query, gamma / root.repeat_interleave(len(gamma) // groups))

    def remove(self) -> None:
        """Takes the hooks off the model."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def state_dict(self) -> dict[str, Any]:
        """The largest logits since the last clip, and how many heads have been scaled so far."""
        return {
            "largest": {name: values.clone() for name, values in self._largest.items()},
            "clips": dict(self.clips),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where :meth:`state_dict` was taken; ValueError for another model's modules."""
        if set(state["clips"]) != set(self._modules):
            raise ValueError(
                f"QKClip: received a state of {', '.join(state['clips'])}, allowed of "
                f"{', '.join(self._modules)}"
            )
        self.clips = {name: int(heads) for name, heads in state["clips"].items()}
        self._largest = {name: values.clone() for name, values in state["largest"].items()}
