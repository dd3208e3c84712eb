# SPDX-License-Identifier: Apache-2.0
"""QK-Clip beside a plain loop, in nn.MultiheadAttention and in modules of a user's own."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from networks import same, weights
from torch import nn
from torch.nn import functional

import steepest
from steepest.qk_clip import Attention, Logits, Weights


def input_of(step, *shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(step)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def attention(**options):
    torch.manual_seed(3)
    module = nn.MultiheadAttention(12, 3, dtype=torch.float64, **options)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(input_of(p.numel(), *p.shape))
    return module


def plain_logits(module, x, y):
    """q k^T / sqrt(d) of batch-first inputs, [B, heads, L, S], head after head."""
    width = module.embed_dim
    if module._qkv_same_embed_dim:
        wq, wk, _ = module.in_proj_weight.split(width)
    else:
        wq, wk = module.q_proj_weight, module.k_proj_weight
    bias = module.in_proj_bias
    bq, bk = (0, 0) if bias is None else (bias[:width], bias[width : 2 * width])
    q, k = x @ wq.T + bq, y @ wk.T + bk
    d = width // module.num_heads
    heads = [slice(h * d, h * d + d) for h in range(module.num_heads)]
    return torch.stack([q[..., s] @ k[..., s].mT / math.sqrt(d) for s in heads], 1)


CASES = [
    {"batch_first": True},
    {"batch_first": False},
    {"batch_first": True, "bias": False},
    {"batch_first": True, "kdim": 7, "vdim": 5},
]


@pytest.mark.parametrize("options", CASES)
def test_every_head_above_tau_comes_to_tau(options):
    module = attention(**options)
    x = input_of(0, 4, 6, 12)
    y = input_of(1, 4, 8, options.get("kdim", 12))
    z = input_of(2, 4, 8, options.get("vdim", 12))
    before = plain_logits(module, x, y)
    largest = before.amax((0, 2, 3))
    tau = float(largest.detach().sort().values[1]) * 0.9  # two of three heads are above
    clip = steepest.QKClip(module, tau=tau)
    given = (x, y, z) if module.batch_first else (v.transpose(0, 1) for v in (x, y, z))
    module(*given)
    assert torch.allclose(clip.largest()[""], largest, rtol=1e-12)
    others = module.out_proj.weight.detach().clone()
    assert clip.clip() == 2 and clip.clip() == 0
    after = plain_logits(module, x, y)
    for h in range(3):
        gamma = min(1.0, tau / float(largest[h].detach()))
        assert torch.allclose(after[:, h], gamma * before[:, h], rtol=1e-12, atol=1e-12)
    assert torch.equal(module.out_proj.weight, others)
    assert clip.clips == {"": 2}


def test_queries_and_keys_share_the_scale_and_values_have_none():
    module = attention()
    q, k, v = module.in_proj_weight.detach().clone().split(12)
    clip = steepest.QKClip(module, tau=1e-3)
    module(*[input_of(0, 5, 2, 12)] * 3)
    root = (1e-3 / clip.largest()[""]).sqrt().repeat_interleave(4)[:, None]
    clip.clip()
    found = module.in_proj_weight.detach().split(12)
    for part, expected in zip(found, (q * root, k * root, v), strict=True):
        assert torch.allclose(part, expected, rtol=1e-12)


def test_what_a_mask_hides_does_not_count():
    module = attention(batch_first=True)
    clip = steepest.QKClip(module, tau=1)
    x = input_of(0, 2, 5, 12)
    logits = plain_logits(module, x, x)
    causal = torch.ones(5, 5, dtype=torch.bool).triu(1)
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    seen = logits.masked_fill(causal, -math.inf)
    seen = seen.masked_fill(padding[:, None, None], -math.inf)
    as_numbers = torch.zeros(5, 5, dtype=torch.float64).masked_fill(causal, -math.inf)
    for mask in (causal, as_numbers, causal.expand(6, 5, 5)):
        clip.largest().clear()
        hidden = padding if mask.dtype == torch.bool else padding.double() * -1e30
        if mask.dtype != torch.bool:
            hidden = torch.zeros(2, 5, dtype=torch.float64).masked_fill(padding, -math.inf)
        module(x, x, x, key_padding_mask=hidden, attn_mask=mask)
        expected = seen.amax((0, 2, 3))
        assert torch.allclose(clip.largest()[""], expected, rtol=1e-12)


def test_the_largest_of_all_passes_since_the_last_clip_count():
    module = attention(batch_first=True)
    clip = steepest.QKClip(module, tau=1)
    inputs = [input_of(step, 2, 5, 12) for step in range(3)]
    for x in inputs:
        module(x, x, x)
    module.eval()
    module(*[100 * inputs[0]] * 3)  # no training
    expected = torch.stack([plain_logits(module, x, x).amax((0, 2, 3)) for x in inputs]).amax(0)
    assert torch.allclose(clip.largest()[""], expected, rtol=1e-12)
    clip.remove()
    clip.clip()
    module.train()
    module(*[inputs[0]] * 3)
    assert clip.largest() == {}


def test_long_sequences_are_read_in_parts():
    module = attention(batch_first=True)
    clip = steepest.QKClip(module)
    x = input_of(0, 1, 1100, 12)
    mask = torch.ones(1100, 1100, dtype=torch.bool).triu(1)
    module(x, x, x, attn_mask=mask, need_weights=False)
    expected = plain_logits(module, x, x).masked_fill(mask, -math.inf).amax((0, 2, 3))
    assert torch.allclose(clip.largest()[""], expected, rtol=1e-12)


class Grouped(nn.Module):
    """Six query heads over two key heads, in one fused projection, as a user may have it."""

    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(12, 6 * 4 + 2 * 4 * 2, dtype=torch.float64)

    def heads(self, x):
        q, k, v = self.qkv(x).split([24, 8, 8], -1)
        return [t.unflatten(-1, (-1, 4)).transpose(1, 2) for t in (q, k, v)]

    def forward(self, x):
        q, k, v = self.heads(x)
        return functional.scaled_dot_product_attention(q, k, v, scale=0.3, enable_gqa=True)


GROUPED = Attention(
    logits=lambda module, args, kwargs: Logits(*module.heads(args[0])[:2], scale=0.3),
    weights=lambda module: Weights(
        [module.qkv.weight[:24], module.qkv.bias[:24]],
        [module.qkv.weight[24:32], module.qkv.bias[24:32]],
    ),
)


def grouped_net():
    net = nn.Sequential(nn.LayerNorm(12, dtype=torch.float64), Grouped())
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(input_of(p.numel(), *p.shape))
    return net


def test_heads_that_share_a_key_are_scaled_each_by_its_own():
    net = grouped_net()
    clip = steepest.QKClip(net, tau=2, kinds={Grouped: GROUPED})
    x = input_of(0, 3, 7, 12)

    def logits():
        q, k, _ = net[1].heads(net[0](x))
        return 0.3 * q @ k.repeat_interleave(3, 1).mT

    net(x)
    before = logits()
    largest = before.amax((0, 2, 3))
    assert int((largest > 2).sum()) == clip.clip() > 0
    gamma = (2 / largest).clamp(max=1)[:, None, None]
    assert torch.allclose(logits(), gamma * before, rtol=1e-12, atol=1e-12)


def test_a_kernel_may_say_the_largest_logits_itself():
    net = grouped_net()
    own = Attention(logits=None, weights=GROUPED.weights)
    clip = steepest.QKClip(net, tau=2, kinds={Grouped: own})
    net(input_of(0, 3, 7, 12))
    assert clip.largest() == {}
    clip.note("1", torch.tensor([1.0, 2.0, 3.0, 4.0, -5.0, 0.0]))
    clip.note("1", torch.tensor([8.0, 0.0, 0.0, 0.0, 0.0, 0.0]))
    assert clip.largest()["1"].tolist() == [8, 2, 3, 4, 0, 0]
    assert clip.clip() == 3
    with pytest.raises(ValueError, match='note: received "2", allowed 1'):
        clip.note("2", torch.zeros(6))


def test_a_pass_that_has_diverged_erases_no_head():
    net = grouped_net()
    clip = steepest.QKClip(net, tau=2, kinds={Grouped: GROUPED})
    before = weights(net)
    clip.note("1", torch.tensor([math.inf, math.nan, 0.0, 1.0, -math.inf, 2.0]))
    assert clip.clip() == 0
    assert same(weights(net), before)


REFUSED = [
    (lambda: steepest.QKClip(nn.Linear(2, 2)), "received no attention module, allowed Multihead"),
    (lambda: steepest.QKClip(attention(add_bias_kv=True)), "received add_bias_kv"),
    (lambda: steepest.QKClip(attention(), tau=0), "tau: received 0, allowed"),
]


@pytest.mark.parametrize("action, words", REFUSED)
def test_what_cannot_be_clipped_is_refused_in_one_line(action, words):
    with pytest.raises(ValueError, match=words) as error:
        action()
    assert "\n" not in str(error.value)


class Net(nn.Module):
    """Self-attention, then a mean."""

    def __init__(self):
        super().__init__()
        self.attention = attention(batch_first=True)

    def forward(self, x):
        return self.attention(x, x, x)[0].square().mean()


def run(net, optimizer, clip, steps):
    for step in steps:
        for micro in range(2):
            loss = net(input_of(10 * step + micro, 2, 5, 12))
            if hasattr(optimizer, "observe"):
                optimizer.observe(loss)
            loss.backward()
        optimizer.step()
        clip.clip()
        optimizer.zero_grad()


MAKERS = {
    "torch's AdamW": lambda net: torch.optim.AdamW(net.parameters(), lr=0.01),
    **{
        name: lambda net, name=name: steepest.make(name, net.parameters(), lr=0.01)
        for name in ("muon", "soap", "lion", "muonh", "muonmax-momo")
    },
}


@pytest.mark.parametrize("name", MAKERS)
def test_a_saved_run_goes_on_bit_for_bit(name):
    """Also where it was saved between the passes of a step and its clip."""
    nets = [Net(), Net()]
    optimizers = [MAKERS[name](net) for net in nets]
    clips = [steepest.QKClip(net, tau=5) for net in nets]
    run(nets[0], optimizers[0], clips[0], range(4))
    run(nets[1], optimizers[1], clips[1], range(2))
    nets[1](input_of(77, 2, 5, 12) * 0.1)  # an open pass, of no more than others
    again = MAKERS[name](nets[1])
    again.load_state_dict(optimizers[1].state_dict())
    saved = copy.deepcopy(clips[1].state_dict())
    clips[1].remove()
    loaded = steepest.QKClip(nets[1], tau=5)
    loaded.load_state_dict(saved)
    assert torch.equal(loaded.largest()["attention"], saved["largest"]["attention"])
    run(nets[1], again, loaded, range(2, 4))
    assert same(weights(nets[0]), weights(nets[1]))
    assert loaded.clips == clips[0].clips and sum(loaded.clips.values()) > 0


def test_a_state_of_another_model_is_refused():
    state = steepest.QKClip(Net()).state_dict()
    with pytest.raises(ValueError, match="received a state of attention, allowed of"):
        steepest.QKClip(attention()).load_state_dict(state)
