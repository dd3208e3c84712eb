# SPDX-License-Identifier: Apache-2.0
"""Vision and generative models, for test_route_zoo.py."""

from __future__ import annotations

from route_parts import Case, attention, block, conv, linear, mlp, of, seq
from torch import nn
from torch.nn.utils import parametrizations, spectral_norm


def vision() -> dict[str, Case]:
    vit = of(
        "ViT",
        patch_embed=of("PatchEmbed", proj=conv(3, 16, 4)),
        cls_token=(1, 1, 16),
        pos_embed=(1, 17, 16),
        reg_token=(1, 4, 16),
        blocks=seq(block(), block()),
        norm=nn.LayerNorm(16),
        head=linear(16, 10),
    )
    lucid = of(
        "ViT",
        to_patch_embedding=seq(nn.LayerNorm(48), linear(48, 16), nn.LayerNorm(16)),
        pos_embedding=(1, 17, 16),
        transformer=of("Transformer", layers=[block(), block()]),
        mlp_head=seq(nn.LayerNorm(16), linear(16, 10)),
    )
    mixer = of(
        "Mixer",
        stem=conv(3, 16, 4),
        blocks=seq(
            *[
                of("MixerBlock", mlp_tokens=mlp(16, 8, 16), mlp_channels=mlp(16, 64, 16))
                for _ in range(2)
            ]
        ),
        fc=linear(16, 10),
    )
    cait = of(
        "Block",
        attn=attention(),
        mlp=mlp(16, 64, 16),
        gamma_1=(16, 1, 1),
        gamma=(4, 16),
        ls1=of("LayerScale", gamma=(16,)),
        logit_scale=(4, 1, 1),
        relative_position_bias_table=(49, 4),
        freqs=(2, 4, 8),
    )
    resnet = of(
        "ResNet",
        conv1=conv(3, 8, 7),
        layer1=seq(*[of("Basic", conv1=conv(8, 8, 3), conv2=conv(8, 8, 3)) for _ in range(2)]),
        linear=linear(8, 10),
    )
    backbone = of(
        "ResNet",
        conv1=conv(3, 8, 7),
        layer1=seq(of("Basic", conv1=conv(8, 8, 3), conv2=conv(8, 8, 3))),
        layer2=seq(of("Basic", conv1=conv(8, 8, 3), conv2=conv(8, 8, 3))),
    )
    se = of(
        "SeNet",
        stem=conv(3, 8, 3),
        conv=conv(8, 8, 3),
        se=of("SE", fc1=conv(8, 4, 1), fc2=conv(4, 8, 1)),
    )
    unet = of(
        "UNet",
        inc=of("DoubleConv", a=conv(3, 8, 3), b=conv(8, 8, 3)),
        down1=seq(conv(8, 16, 3), conv(16, 16, 3)),
        up1=seq(conv(16, 8, 3), conv(8, 8, 3)),
        outc=of("OutConv", conv=conv(8, 2, 1)),
    )
    fcn = of(
        "Fcn",
        backbone=backbone,
        classifier=seq(conv(8, 8, 3), nn.ReLU(), conv(8, 5, 1)),
        aux_classifier=seq(conv(8, 8, 3), nn.ReLU(), conv(8, 5, 1)),
    )
    smp = of(
        "Unet",
        encoder=of("Encoder", conv1=conv(3, 8, 3)),
        decoder=of("Decoder", blocks=[of("B", conv1=conv(8, 8, 3), conv2=conv(8, 8, 3))]),
        segmentation_head=seq(conv(8, 5, 3)),
    )
    rpn = of("RPNHead", conv=seq(conv(8, 8, 3)), cls_logits=conv(8, 3, 1), bbox_pred=conv(8, 12, 1))
    predictor = of("FastRCNNPredictor", cls_score=linear(16, 5), bbox_pred=linear(16, 20))
    rcnn = of(
        "FasterRCNN",
        backbone=backbone,
        rpn=of("Rpn", head=rpn),
        roi_heads=of(
            "RoIHeads",
            box_head=of("TwoMLPHead", fc6=linear(32, 16), fc7=linear(16, 16)),
            box_predictor=predictor,
        ),
    )
    detr = of(
        "Detr",
        backbone=conv(3, 8, 3),
        query_embed=nn.Embedding(10, 16),
        transformer=of("T", layers=[block(), block()]),
        class_embed=linear(16, 5),
        bbox_embed=of("MLP", layers=[linear(16, 16), linear(16, 4)]),
    )
    arc = of(
        "Face",
        stem=conv(3, 8, 3),
        body=conv(8, 16, 3),
        margin=of("ArcMarginProduct", weight=(10, 16)),
    )
    swav = of(
        "SwAV",
        stem=conv(3, 8, 3),
        features=conv(8, 16, 3),
        projection_head=mlp(16, 16, 8),
        prototypes=linear(8, 30),
    )
    grid = "gamma relative_position_bias_table freqs"
    iou = of("FeedForward", proj_in=linear(16, 16), proj_out=linear(16, 4), layers=[linear(16, 16)])
    sam = of("MaskDecoder", up=conv(8, 8, 3), table=nn.Embedding(4, 16), iou_prediction_head=iou)
    mae = of(
        "Mae",
        encoder=mlp(8, 16, 16),
        decoder_embed=linear(16, 16),
        decoder_pred=linear(16, 8),
        scale_shift_table=(2, 16),
        mid=linear(16, 16),
    )
    return {
        "sam": Case(sam, "up.* table.* iou_prediction_head.proj_out.*"),
        "mae": Case(mae, "decoder_pred.* scale_shift_table"),
        "vit": Case(vit, "patch_embed.* pos_embed reg_token head.*"),
        "vit-pytorch": Case(lucid, "to_patch_embedding.1.* pos_embedding mlp_head.1.*"),
        "mixer": Case(mixer, "stem.* fc.*"),
        "layer scale": Case(
            of("Net", blocks=[cait], head=linear(16, 4)),
            " ".join(f"blocks.0.{n}" for n in grid.split()) + " head.*",
        ),
        "resnet": Case(resnet, "conv1.* linear.*"),
        "backbone": Case(backbone, "conv1.*"),
        "squeeze": Case(se, "stem.*"),
        "unet": Case(unet, "inc.a.* outc.*"),
        "fcn": Case(fcn, "backbone.conv1.* classifier.2.* aux_classifier.2.*"),
        "smp": Case(smp, "encoder.conv1.* segmentation_head.*"),
        "rcnn": Case(
            rcnn,
            "backbone.conv1.* rpn.head.cls_logits.* rpn.head.bbox_pred.* roi_heads.box_predictor.*",
        ),
        "detr": Case(detr, "backbone.* query_embed.* class_embed.* bbox_embed.layers.1.*"),
        "arcface": Case(arc, "stem.* margin.weight"),
        "swav": Case(swav, "stem.* projection_head.2.* prototypes.*"),
    }


def generative() -> dict[str, Case]:
    final = of(
        "FinalLayer",
        norm_final=nn.LayerNorm(16),
        linear=linear(16, 12),
        adaLN_modulation=seq(nn.SiLU(), linear(16, 32)),
    )
    dit = of(
        "DiT",
        x_embedder=of("PatchEmbed", proj=conv(4, 16, 2)),
        t_embedder=of("TimestepEmbedder", mlp=mlp(16, 16, 16)),
        y_embedder=of("LabelEmbedder", embedding_table=nn.Embedding(11, 16)),
        pos_embed=(1, 16, 16),
        blocks=[
            of(
                "DiTBlock",
                attn=attention(),
                mlp=mlp(16, 64, 16),
                adaLN_modulation=seq(nn.SiLU(), linear(16, 96)),
            )
        ],
        final_layer=final,
    )
    down = of(
        "Down",
        resnets=[of("Res", conv1=conv(8, 8, 3), conv2=conv(8, 8, 3), time_emb_proj=linear(8, 8))],
        attentions=[of("T2D", proj_in=linear(8, 8), blocks=[block(8)], proj_out=linear(8, 8))],
    )
    unet = of(
        "UNet2DModel",
        conv_in=conv(4, 8, 3),
        time_embedding=of("TimestepEmbedding", linear_1=linear(8, 8), linear_2=linear(8, 8)),
        down_blocks=[down],
        conv_norm_out=nn.GroupNorm(2, 8),
        conv_out=conv(8, 4, 3),
    )
    mid = of(
        "Mid",
        attn_1=of(
            "AttnBlock", q=conv(8, 8, 1), k=conv(8, 8, 1), v=conv(8, 8, 1), proj_out=conv(8, 8, 1)
        ),
    )
    half = [of("Half", conv_in=conv(3, 8, 3), mid=mid, conv_out=conv(8, 4, 3)) for _ in range(2)]
    vae = of(
        "AutoencoderKL",
        encoder=half[0],
        decoder=half[1],
        quant_conv=conv(8, 8, 1),
        post_quant_conv=conv(4, 4, 1),
    )
    flux = of(
        "Flux",
        x_embedder=linear(8, 16),
        transformer_blocks=[block(), block()],
        norm_out=of("AdaLayerNormContinuous", linear=linear(16, 32)),
        proj_out=linear(16, 8),
    )
    codebook = of("VectorQuantizer", embedding=nn.Embedding(32, 8))
    vq = of(
        "VqVae",
        encoder=seq(conv(3, 8, 4), conv(8, 8, 4)),
        quantizer=codebook,
        decoder=seq(nn.ConvTranspose2d(8, 8, 4), nn.ConvTranspose2d(8, 3, 4)),
    )
    bare = of(
        "VqVae",
        encoder=mlp(8, 16, 8),
        vq=of("Vq", codebook=(32, 8)),
        memory=(10, 8),
        prototypes=(5, 8),
        decoder=mlp(8, 16, 8),
    )
    auto = of("Auto", decoder=mlp(4, 16, 20), encoder=mlp(20, 16, 4))
    vae_mlp = of(
        "Vae",
        fc1=linear(20, 16),
        fc_mu=linear(16, 4),
        fc_logvar=linear(16, 4),
        fc3=linear(4, 16),
        fc4=linear(16, 20),
    )
    generator = seq(
        nn.ConvTranspose2d(10, 16, 4),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.ConvTranspose2d(16, 8, 4),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 3, 4),
    )
    judge = seq(
        spectral_norm(conv(3, 8, 4)),
        nn.ReLU(),
        spectral_norm(conv(8, 8, 4)),
        nn.ReLU(),
        nn.Flatten(),
        parametrizations.spectral_norm(linear(32, 2)),
    )
    gan = of("Gan", generator=mlp(10, 16, 20), discriminator=mlp(20, 16, 2))
    style = of(
        "Generator",
        input=of("ConstantInput", input=(1, 16, 4, 4)),
        convs=[
            of(
                "StyledConv",
                conv=of(
                    "ModulatedConv2d",
                    weight=(1, 16, 16, 3, 3),
                    modulation=of("EqualLinear", weight=(16, 16)),
                ),
            )
            for _ in range(2)
        ],
        to_rgbs=[of("ToRGB", conv=conv(16, 3, 1))],
    )
    return {
        "dit": Case(dit, "x_embedder.* y_embedder.* pos_embed final_layer.linear.*"),
        "unet": Case(unet, "conv_in.* conv_out.*"),
        "vae": Case(vae, "encoder.conv_in.* decoder.conv_in.* *.conv_out.*"),
        "flux": Case(flux, "proj_out.*"),
        "vq": Case(vq, "encoder.0.* quantizer.* decoder.1.*"),
        "codebook": Case(bare, "vq.codebook memory prototypes decoder.2.*"),
        "decoder first": Case(auto, "decoder.2.*"),
        "vae of linears": Case(vae_mlp, "fc_mu.* fc_logvar.* fc4.*"),
        "generator": Case(generator, "0.* 5.*"),
        "discriminator": Case(judge, "0.* 5.*"),
        "gan": Case(gan, "*.2.*"),
        "style": Case(style, "input.input convs.?.conv.weight to_rgbs.0.conv.*"),
    }


GROUPS = (vision, generative)
