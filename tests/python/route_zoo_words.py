# SPDX-License-Identifier: Apache-2.0
"""Language models, mixtures of experts and state spaces, for test_route_zoo.py."""

from __future__ import annotations

from route_parts import Case, attention, block, conv1d, linear, mlp, of, seq
from torch import nn

EXPERTS = "batch"


def language() -> dict[str, Case]:
    qkv = of(
        "Block",
        ln_1=nn.LayerNorm(16),
        attn=of("Attn", qkv=linear(16, 48), n_head=4, out_proj=linear(16, 16)),
        mlp=mlp(16, 64, 16),
    )
    gpt = of(
        "Gpt", wte=nn.Embedding(90, 16), wpe=nn.Embedding(8, 16), h=[qkv], ln_f=nn.LayerNorm(16)
    )
    gpt.decoder = nn.Linear(16, 90, bias=False)
    tied = of("Lm", tok=nn.Embedding(90, 16), block=block(), out=linear(16, 90))
    tied.out.weight = tied.tok.weight
    rnn = of("RnnModel", encoder=nn.Embedding(90, 16), rnn=nn.LSTM(16, 16), decoder=linear(16, 90))
    nanogpt = of(
        "Gpt",
        embed=nn.Embedding(90, 16),
        value_embeds=[nn.Embedding(90, 16)],
        blocks=[block(), block()],
        lm_head=linear(16, 96),
        scalars=(6,),
        skip_weights=(3,),
        x0_lambdas=(3, 2),
    )
    lens = of(
        "HookedTransformer",
        embed=of("Embed", W_E=(90, 16)),
        pos_embed=of("PosEmbed", W_pos=(8, 16)),
        blocks=[
            of(
                "TransformerBlock",
                attn=of("Attention", W_Q=(4, 16, 4), W_O=(4, 4, 16), b_Q=(4, 4)),
                mlp=of("MLP", W_in=(16, 64), b_in=(64,), W_out=(64, 16)),
            )
        ],
        unembed=of("Unembed", W_U=(16, 90), b_U=(90,)),
    )
    heads = of(
        "Reward",
        embed_tokens=nn.Embedding(90, 16),
        layers=[block(), block()],
        score=linear(16, 2),
        v_head=of("ValueHead", summary=linear(16, 3)),
    )
    medusa = of(
        "Medusa",
        embed_tokens=nn.Embedding(90, 16),
        layers=[block(), block()],
        lm_heads=[linear(16, 90), linear(16, 90)],
    )
    early = of(
        "Karpathy",
        table=nn.Embedding(65, 16),
        sa_heads=of(
            "MultiHead",
            heads=[
                of("Head", key=linear(16, 4), query=linear(16, 4), value=linear(16, 4))
                for _ in range(4)
            ],
        ),
        ffwd=mlp(16, 16),
        lm_head=linear(16, 65),
    )
    perceiver = of(
        "PerceiverLM",
        token_emb=nn.Embedding(90, 16),
        latents=(8, 16),
        cross=attention(),
        layers=[block(), block()],
        to_logits=seq(nn.LayerNorm(16), linear(16, 90)),
    )
    qformer = of(
        "QFormer",
        query_tokens=(1, 8, 16),
        soft_prompt=(10, 16),
        layers=[block(), block()],
        vision_proj=linear(16, 8),
    )
    clip = of(
        "Clip",
        token_embedding=nn.Embedding(90, 16),
        positional_embedding=(8, 16),
        layers=[block(), block()],
        text_projection=(16, 8),
        logit_scale=(),
    )
    return {
        "gpt": Case(gpt, "wte.* wpe.* decoder.*", {"h.0.attn.qkv.weight": "16+16+16 of dim 0"}),
        "tied": Case(tied, "tok.*"),
        "rnn": Case(rnn, "encoder.* decoder.*"),
        "modded": Case(nanogpt, "embed.* value_embeds.* lm_head.* x0_lambdas"),
        "lens": Case(lens, "embed.* pos_embed.* *.b_Q unembed.*", {"*.W_Q": EXPERTS}),
        "reward": Case(heads, "embed_tokens.* score.* v_head.*"),
        "many heads": Case(medusa, "embed_tokens.* lm_heads.*"),
        "heads of attention": Case(early, "table.* lm_head.*"),
        "perceiver": Case(perceiver, "token_emb.* latents to_logits.1.*"),
        "qformer": Case(qformer, "query_tokens soft_prompt vision_proj.*"),
        "clip text": Case(clip, "token_embedding.* positional_embedding"),
    }


def experts() -> dict[str, Case]:
    stacks = of("Experts", w_gate=(4, 16), w1=(4, 16, 32), b1=(4, 32), w2=(4, 32, 16), b2=(4, 16))
    moe = of(
        "Moe",
        tok_emb=nn.Embedding(90, 16),
        layers=[
            of("Layer", attn=attention(), router=linear(16, 4), experts=stacks) for _ in range(2)
        ],
        head=linear(16, 90),
    )
    named = of(
        "Experts",
        up=(4, 32, 16),
        up_bias=(4, 32),
        down=(4, 16, 32),
        down_bias=(4, 16),
        e_score_correction_bias=(4,),
    )
    lists = of("Moe", gate=linear(16, 4), experts=[mlp(16, 32, 16) for _ in range(3)])
    member = of(
        "EnsembleLinear", weight=(5, 8, 16), bias=(5, 1, 16), in_features=8, out_features=16
    )
    last = of("EnsembleLinear", weight=(5, 16, 4), bias=(5, 1, 4), in_features=16, out_features=4)
    kan = of(
        "KANLinear",
        base_weight=(16, 8),
        spline_weight=(16, 8, 5),
        spline_scaler=(16, 8),
        in_features=8,
        out_features=16,
    )
    lora = of("LoraLinear", base_layer=linear(8, 8), lora_A=(2, 8), lora_B=(8, 2))
    lora.base_layer.requires_grad_(False)
    return {
        "bare": Case(moe, "tok_emb.* *.b1 *.b2 head.*"),
        "named": Case(
            of("Net", experts=named, out=linear(16, 4)),
            "experts.*_bias out.*",
            {"experts.up": EXPERTS, "experts.down": EXPERTS},
        ),
        "lists": Case(
            of("Net", layers=[lists], norm=nn.LayerNorm(16), head=linear(16, 4)), "head.*"
        ),
        "ensemble": Case(
            of("Dynamics", layers=[member, last]),
            "layers.?.bias",
            {"layers.?.weight": "batch, transposed"},
        ),
        "kan": Case(
            of("Kan", layers=[kan], out=linear(16, 2)),
            "out.* *.spline_scaler",
            {"*.spline_weight": "-"},
        ),
        "lora": Case(of("Net", layers=[lora], head=linear(8, 4)), "head.*"),
    }


def state_spaces() -> dict[str, Case]:
    mixer = of(
        "Mixer",
        in_proj=linear(16, 64),
        conv1d=conv1d(32, 32, 4, groups=32),
        A_log=(32, 4),
        D=(32,),
        x_proj=linear(32, 10),
        dt_proj=linear(2, 32),
        out_proj=linear(32, 16),
    )
    mamba = of(
        "Mamba",
        embedding=nn.Embedding(90, 16),
        layers=[of("Layer", mixer=mixer)],
        norm_f=nn.LayerNorm(16),
        lm_head=linear(16, 90),
    )
    time = of(
        "TimeMix",
        time_decay=(4, 4),
        time_faaaa=(4, 4),
        time_maa_x=(1, 1, 16),
        time_maa_w1=(16, 20),
        receptance=linear(16, 16),
        key=linear(16, 16),
        value=linear(16, 16),
        gate=linear(16, 16),
        output=linear(16, 16),
    )
    rwkv = of(
        "Rwkv",
        emb=nn.Embedding(90, 16),
        blocks=[
            of(
                "Block",
                ln1=nn.LayerNorm(16),
                att=time,
                ffn=of("ChannelMix", key=linear(16, 64), value=linear(64, 16)),
            )
        ],
        ln_out=nn.LayerNorm(16),
        head=linear(16, 90),
    )
    s4 = of(
        "S4",
        encoder=linear(1, 16),
        layers=[
            of(
                "S4D",
                D=(16,),
                log_dt=(16,),
                A_imag=(16, 8),
                log_A_real=(16, 8),
                output_linear=seq(conv1d(16, 32, 1)),
            )
        ],
        decoder=linear(16, 10),
    )
    lru = of(
        "Lru",
        enc=linear(8, 16),
        blocks=[
            of("LRU", nu_log=(16,), theta_log=(16,), B_re=(16, 16), B_im=(16, 16), gamma_log=(16,))
        ],
        dec=linear(16, 4),
    )
    return {
        "mamba": Case(mamba, "embedding.* *.A_log *.conv1d.* lm_head.*"),
        "rwkv": Case(rwkv, "emb.* *.time_decay *.time_faaaa head.*"),
        "s4": Case(s4, "*.A_imag *.log_A_real decoder.*"),
        "lru": Case(lru, "dec.*"),
    }


GROUPS = (language, experts, state_spaces)
