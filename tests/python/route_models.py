# SPDX-License-Identifier: Apache-2.0
"""Small models for test_route.py: written here with torch alone, and from three libraries."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import torch
from route_twins import TWINS
from torch import nn

WIDTH, VOCABULARY = 32, 96


class Gpt(nn.Module):
    """A GPT whose head is tied to its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCABULARY, WIDTH), nn.Embedding(16, WIDTH)
        self.blocks = nn.ModuleList(self.block() for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)
        self.lm_head = nn.Linear(WIDTH, VOCABULARY, bias=False)
        self.lm_head.weight = self.wte.weight

    @staticmethod
    def block() -> nn.ModuleDict:
        parts = {"norm": nn.LayerNorm(WIDTH), "c_attn": nn.Linear(WIDTH, 3 * WIDTH)}
        parts |= {"c_proj": nn.Linear(WIDTH, WIDTH), "c_fc": nn.Linear(WIDTH, 4 * WIDTH)}
        return nn.ModuleDict(parts)


class ResNet(nn.Module):
    """Batch norm, a depthwise and a grouped convolution, a last layer named fc."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, bias=False), nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(nn.Conv2d(16, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        depthwise = nn.Conv2d(16, 16, 3, groups=16)
        self.layer2 = nn.Sequential(depthwise, nn.Conv2d(16, 32, 1), nn.Conv2d(32, 32, 3, groups=4))
        self.attention = nn.ModuleDict({"fc": nn.Linear(32, 8), "gate": nn.Linear(8, 1)})
        self.fc = nn.Linear(32, 10)


class Transformer(nn.Module):
    """torch's own encoder and decoder, positions as a bare parameter, an untied head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.pos_embed = nn.Parameter(torch.empty(1, 16, WIDTH))
        self.cls_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        encoder = nn.TransformerEncoderLayer(WIDTH, 4, 64)
        decoder = nn.TransformerDecoderLayer(WIDTH, 4, 64)
        self.encoder = nn.TransformerEncoder(encoder, 1, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(decoder, 1)
        self.to_words = nn.Linear(WIDTH, VOCABULARY)


class LoraLinear(nn.Linear):
    """A frozen layer and a trained pair, A (r, in) and B (out, r)."""

    def __init__(self, into: int, out: int, rank: int = 4) -> None:
        super().__init__(into, out)
        self.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(rank, into))
        self.lora_B = nn.Parameter(torch.empty(out, rank))


class InOutPair(nn.Module):
    """x A B: A (in, r) and B (r, out)."""

    def __init__(self, into: int, out: int, rank: int = 4) -> None:
        super().__init__()
        self.lora_A = nn.Parameter(torch.empty(into, rank))
        self.lora_B = nn.Parameter(torch.empty(rank, out))


class Lora(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, WIDTH).requires_grad_(False)
        self.q_proj, self.up_proj = LoraLinear(WIDTH, WIDTH), InOutPair(WIDTH, 64)
        codes = torch.zeros(WIDTH, WIDTH, dtype=torch.int8)
        self.quantised = nn.Parameter(codes, requires_grad=False)
        self.head = nn.Linear(WIDTH, 5)


class Experts(nn.Module):
    """Experts as stacks: fused (E, out, in) with 2-D biases, and (E, in, out)."""

    def __init__(self) -> None:
        super().__init__()
        self.gate_up_proj = nn.Parameter(torch.empty(4, 2 * 24, WIDTH))
        self.gate_up_proj_bias = nn.Parameter(torch.empty(4, 2 * 24))
        self.down_proj = nn.Parameter(torch.empty(4, WIDTH, 24))
        self.down_proj_bias = nn.Parameter(torch.empty(4, WIDTH))


class InOutExperts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w1, self.w1_bias = (nn.Parameter(torch.empty(s)) for s in ((4, WIDTH, 24), (4, 24)))
        self.w2 = nn.Parameter(torch.empty(4, 24, WIDTH))
        self.hidden_size = WIDTH


class Moe(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCABULARY, WIDTH)
        self.router, self.experts = nn.Linear(WIDTH, 4, bias=False), Experts()
        self.more_experts, self.rnn = InOutExperts(), nn.LSTM(WIDTH, 16)
        self.output = nn.Linear(WIDTH, VOCABULARY)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, 8, 3), nn.GroupNorm(2, 8), nn.Conv2d(8, 16, 3))
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.thin_up = nn.ConvTranspose2d(8, 8, 2, stride=2, groups=8)
        self.mix = nn.utils.parametrizations.weight_norm(nn.Conv2d(8, 8, 1))
        self.squeeze = nn.Conv2d(8, 1, 1)
        self.head = nn.Conv2d(8, 5, 1)


FAMILIES: dict[str, Callable[[], nn.Module]] = {
    "torch_gpt": Gpt,
    "torch_resnet": ResNet,
    "torch_transformer": Transformer,
    "torch_lora": Lora,
    "torch_moe": Moe,
    "torch_unet": UNet,
    **TWINS,
}

COMMON = {"vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": 1}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
DECODER = {**COMMON, **HEADS, "intermediate_size": 48, "pad_token_id": 0}
VISION = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 4}
VISION |= {"intermediate_size": 48, "image_size": 16, "patch_size": 4}


def transformer(kind: str, auto: str = "AutoModelForCausalLM", **config) -> nn.Module:
    """From a configuration of this model type, without storage."""
    import transformers

    values = transformers.AutoConfig.for_model(kind, **config)
    with torch.device("meta"):
        return getattr(transformers, auto).from_config(values)


def mamba() -> nn.Module:
    return transformer("mamba", **COMMON, state_size=4, intermediate_size=48, time_step_rank=2)


def whisper() -> nn.Module:
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    sizes |= {"encoder_attention_heads": 4, "decoder_attention_heads": 4, "d_model": WIDTH}
    sizes |= {"num_mel_bins": 8, "max_source_positions": 12, "max_target_positions": 10}
    tokens = dict.fromkeys(["pad_token_id", "bos_token_id", "eos_token_id"], 0)
    sizes |= {"vocab_size": VOCABULARY, "decoder_start_token_id": 0, **tokens}
    return transformer("whisper", "AutoModelForSpeechSeq2Seq", **sizes)


def clip() -> nn.Module:
    text = {**COMMON, "num_attention_heads": 4, "intermediate_size": 48}
    both = {"text_config": text, "vision_config": VISION, "projection_dim": 24}
    return transformer("clip", "AutoModel", **both)


def gpt_oss() -> nn.Module:
    return transformer("gpt_oss", **DECODER, num_local_experts=4, head_dim=8)


def qwen3_moe() -> nn.Module:
    sizes = {"num_experts": 4, "moe_intermediate_size": 24, "head_dim": 8}
    return transformer("qwen3_moe", **DECODER, **sizes)


def t5() -> nn.Module:
    sizes = {"d_model": WIDTH, "d_kv": 8, "d_ff": 48, "num_layers": 1, "num_heads": 4}
    return transformer("t5", "AutoModelForSeq2SeqLM", vocab_size=VOCABULARY, **sizes)


def llama(tied: bool) -> nn.Module:
    return transformer("llama", **DECODER, tie_word_embeddings=tied)


def bert() -> nn.Module:
    sizes = {**COMMON, "num_attention_heads": 4, "intermediate_size": 48}
    return transformer("bert", "AutoModelForPreTraining", **sizes)


def timm_model(name: str, **sizes) -> nn.Module:
    import timm

    with torch.device("meta"):
        return timm.create_model(name, num_classes=10, **sizes)


def timm_vit() -> nn.Module:
    sizes = {"embed_dim": WIDTH, "depth": 1, "num_heads": 4, "img_size": 16, "patch_size": 4}
    return timm_model("vit_tiny_patch16_224", **sizes, reg_tokens=2)


def peft_lora() -> nn.Module:
    import peft

    targets = ["q_proj", "v_proj", "down_proj", "embed_tokens"]
    config = peft.LoraConfig(
        r=4, target_modules=targets, use_dora=False, modules_to_save=["lm_head"]
    )
    return peft.get_peft_model(llama(tied=False), config)


LIBRARIES: dict[str, dict[str, Callable[[], nn.Module]]] = {
    "transformers": {
        "gpt2": lambda: transformer(
            "gpt2", vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=1, n_head=4, n_positions=16
        ),
        "llama_untied": lambda: llama(tied=False),
        "llama_tied": lambda: llama(tied=True),
        "mistral": lambda: transformer("mistral", **DECODER),
        "qwen2": lambda: transformer("qwen2", **DECODER),
        "qwen3_moe": qwen3_moe,
        "mixtral": lambda: transformer("mixtral", **DECODER, num_local_experts=4),
        "gpt_oss": gpt_oss,
        "phi3": lambda: transformer("phi3", **DECODER),
        "gpt_neox": lambda: transformer("gpt_neox", **{**DECODER, "num_key_value_heads": 4}),
        "bert": bert,
        "t5": t5,
        "vit": lambda: transformer("vit", "AutoModelForImageClassification", **VISION),
        "mamba": mamba,
        "whisper": whisper,
        "clip": clip,
        "siglip": lambda: transformer("siglip_vision_model", "AutoModel", **VISION),
    },
    "timm": {
        "timm_resnet18": lambda: timm_model("resnet18", block_args={}),
        "timm_convnext": lambda: timm_model("convnext_atto", dims=(8, 16, 24, 32), depths=(1,) * 4),
        "timm_vit": timm_vit,
        "timm_mobilenetv3": lambda: timm_model("mobilenetv3_small_050"),
    },
    "peft": {"peft_lora": peft_lora},
}
NEEDS = {"transformers": ["transformers"], "timm": ["timm"], "peft": ["peft", "transformers"]}

for library, families in LIBRARIES.items():
    if all(importlib.util.find_spec(name) for name in NEEDS[library]):
        FAMILIES |= families
