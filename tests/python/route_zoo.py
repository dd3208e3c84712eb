# SPDX-License-Identifier: Apache-2.0
"""Small models of many kinds, each with what an expert would leave to the backup."""

from __future__ import annotations

import copy

import torch
from route_parts import Case, attention, block, conv, conv1d, linear, mlp, of, seq
from route_zoo_agents import GROUPS as agents
from route_zoo_images import GROUPS as images
from route_zoo_words import GROUPS as words
from torch import nn
from torch.nn.utils import parametrizations, prune, spectral_norm, weight_norm

MATRIX = "-"


def classifiers() -> dict[str, Case]:
    """The last layer of what has no name for it."""
    cnn = seq(conv(3, 8, 3), nn.ReLU(), conv(8, 8, 3), nn.Flatten(), linear(32, 10))
    nested = seq(
        seq(conv(3, 8, 3), nn.BatchNorm2d(8)),
        seq(conv(8, 8, 3), nn.BatchNorm2d(8)),
        seq(nn.Flatten(), linear(32, 10)),
    )
    lenet = of(
        "LeNet",
        conv1=conv(1, 6, 5),
        conv2=conv(6, 16, 5),
        fc1=linear(64, 32),
        fc2=linear(32, 16),
        fc3=linear(16, 10),
    )
    lists = of("Mlp", layers=[linear(8, 16), linear(16, 16), linear(16, 4)])
    named = of("Net", embed=linear(8, 16), fc=linear(16, 16), out=linear(16, 10))
    early = of("Net", out=linear(16, 10), layers=[block(), block()])
    recurrent = of("Tagger", words=nn.Embedding(50, 16), lstm=nn.LSTM(16, 8), linear=linear(8, 5))
    gates = {"lstm.weight_*": "4 parts of dim 0"}
    normed = seq(linear(8, 16), nn.GELU(), linear(16, 8), nn.LayerNorm(8))
    siamese = of("Siamese", encoder=seq(conv(1, 8, 3), conv(8, 8, 3)), fc=mlp(32, 16, 8))
    aux = of("InceptionAux", conv0=conv(8, 8, 1), fc=linear(8, 10))
    inception = of("Net", conv=conv(3, 8, 3), AuxLogits=aux, mixed=conv(8, 8, 3), fc=linear(8, 10))
    graph = of(
        "Gcn", conv1=of("GCNConv", lin=linear(8, 16)), conv2=of("GCNConv", lin=linear(16, 4))
    )
    return {
        "sequential": Case(mlp(20, 16, 16, 10), "4.weight"),
        "cnn": Case(cnn, "0.weight 4.weight"),
        "nested": Case(nested, "0.0.weight 2.1.weight"),
        "net.fc": Case(of("Net", body=mlp(8, 8), fc=linear(8, 4)), "fc.weight"),
        "lenet": Case(lenet, "conv1.* fc3.*"),
        "list": Case(lists, "layers.2.*"),
        "out": Case(named, "out.*"),
        "out, registered first": Case(early, "out.*"),
        "one layer is a matrix": Case(linear(8, 4)),
        "lstm tagger": Case(recurrent, "words.* linear.*", gates),
        "normed at the end": Case(normed),
        "siamese": Case(siamese, "encoder.0.* fc.2.*"),
        "inception": Case(inception, "conv.* fc.* AuxLogits.fc.*"),
        "gcn": Case(graph, "conv2.*"),
        "encoder alone": Case(
            of("Encoder", table=nn.Embedding(50, 16), layers=[block(), block()]), "table.*"
        ),
        "encoder of one layer": Case(of("Encoder", layers=[block()])),
    }


def normalised() -> dict[str, Case]:
    """Weight norm and spectral norm, by hooks and by parametrizations."""
    pn, sn = parametrizations.weight_norm, parametrizations.spectral_norm

    def net(first, second, third) -> nn.Module:
        parts = {"stem": first(conv(3, 8, 3)), "mid": second(conv(8, 8, 3))}
        return of("Net", **parts, hidden=third(linear(8, 8)), head=third(linear(8, 4)))

    gains = "stem.* head.*"
    cut = of("Net", stem=conv(3, 8, 3), mid=conv(8, 8, 3), head=linear(8, 4))
    prune.l1_unstructured(cut.stem, "weight", 0.5)
    prune.l1_unstructured(cut.head, "weight", 0.5)
    words = of("Lm", table=pn(nn.Embedding(30, 8)), body=pn(linear(8, 8)), fc=pn(linear(8, 30)))
    lstm = of("Lm", rnn=weight_norm(nn.LSTM(8, 8), "weight_hh_l0"), fc=linear(8, 4))
    rows = weight_norm(linear(8, 8), dim=None)
    up = weight_norm(nn.ConvTranspose1d(8, 8, 4))
    vocoder = of(
        "HifiGan",
        conv_pre=weight_norm(conv1d(80, 8, 7)),
        ups=[up],
        resblocks=[weight_norm(conv1d(8, 8, 3))],
        conv_post=weight_norm(conv1d(8, 2, 7)),
    )
    return {
        "weight_norm": Case(net(weight_norm, weight_norm, weight_norm), gains),
        "weight_norm, parametrized": Case(net(pn, pn, pn), gains),
        "spectral_norm": Case(net(spectral_norm, spectral_norm, spectral_norm), gains),
        "spectral_norm, parametrized": Case(net(sn, sn, sn), gains),
        "orthogonal": Case(net(lambda x: x, lambda x: x, parametrizations.orthogonal), gains),
        "pruned": Case(cut, "stem.* head.*"),
        "embedding": Case(words, "table.* fc.*"),
        "lstm": Case(lstm, "fc.*", {"rnn.weight_hh_l0_v": "4 parts of dim 0"}),
        "gain of all": Case(of("Net", a=rows, b=linear(8, 4)), "b.*"),
        "vocoder": Case(vocoder, "conv_pre.* conv_post.*", {"ups.0.weight_v": "transposed"}),
    }


def speech_and_graphs() -> dict[str, Case]:
    frontend = [of("Layer", conv=conv1d(1, 8, 10)), of("Layer", conv=conv1d(8, 8, 3))]
    positions = parametrizations.weight_norm(conv1d(8, 8, 4, groups=2))
    wav2vec = of(
        "Ctc",
        feature_extractor=of("Features", conv_layers=frontend),
        pos_conv_embed=of("PositionalConvEmbedding", conv=positions),
        masked_spec_embed=(8,),
        layers=[block(8), block(8)],
        lm_head=linear(8, 30),
    )
    conformer = of(
        "Conformer",
        layers=[
            of(
                "Layer",
                attn=attention(),
                pos_bias_u=(4, 4),
                pos_bias_v=(4, 4),
                pointwise_conv1=conv1d(16, 32, 1),
                depthwise_conv=conv1d(16, 16, 3, groups=16),
            )
            for _ in range(2)
        ],
        table=nn.Embedding(9, 16),
        to_logits=linear(16, 9),
    )
    gat = of(
        "Gat",
        conv1=of("GATConv", lin=linear(8, 16), att_src=(1, 4, 4), att_dst=(1, 4, 4)),
        conv2=of("GATConv", lin=linear(16, 4), att_src=(1, 2, 2), att_dst=(1, 2, 2)),
    )
    rgcn = of("Rgcn", conv1=of("RGCNConv", weight=(3, 8, 16), root=(8, 16)), lin=linear(16, 4))
    crnn = of("Crnn", cnn=seq(conv(1, 8, 3), conv(8, 8, 3)), rnn=nn.GRU(8, 8), fc=linear(8, 20))
    cells = of(
        "Cells",
        lstm=nn.LSTMCell(8, 8),
        gru=nn.GRUCell(8, 8),
        rnn=nn.RNNCell(8, 8),
        project=nn.LSTM(8, 8, proj_size=4),
        out=linear(8, 4),
    )
    gates = {"lstm.weight_*": "4 parts of dim 0", "gru.weight_*": "3 parts of dim 0"}
    own = of("Cell", weight_ih=(32, 8), weight_hh=(32, 8), bias_ih=(32,), weight_hr=(4, 8))
    return {
        "wav2vec": Case(wav2vec, "feature_extractor.conv_layers.0.* lm_head.*"),
        "conformer": Case(conformer, "table.* *.pos_bias_? *.depthwise_conv.* to_logits.*"),
        "gat": Case(gat, "*.att_* conv2.lin.*"),
        "rgcn": Case(rgcn, "lin.*", {"conv1.weight": "batch"}),
        "crnn": Case(crnn, "cnn.0.* fc.*", {"rnn.weight_*": "3 parts of dim 0"}),
        "cells": Case(
            cells, "out.*", {**gates, "rnn.weight_*": MATRIX, "project.weight_hr_l0": MATRIX}
        ),
        "own cell": Case(
            of("Net", cell=own, out=linear(8, 4)), "out.*", {"cell.weight_?h": "4 parts of dim 0"}
        ),
    }


def ensembles() -> dict[str, Case]:
    """torch.func.stack_module_state, as names and tensors or as a ParameterDict."""
    one = of(
        "Net",
        inp=linear(8, 16),
        norm=nn.LayerNorm(16),
        mid=linear(16, 16),
        seq=seq(nn.LayerNorm(16), linear(16, 4)),
    )
    state, _ = torch.func.stack_module_state([copy.deepcopy(one) for _ in range(3)])
    named = nn.ParameterDict({k.replace(".", "_"): v for k, v in state.items()})
    layers = {"*mid*weight": "batch"}
    return {
        "pairs": Case(list(state.items()), "norm.* seq.*", layers),  # type: ignore[arg-type]
        "dict": Case(named, "norm_* seq_0_*", layers),
    }


ZOO: dict[str, Case] = {}
for part in (classifiers, normalised, speech_and_graphs, ensembles, *images, *words, *agents):
    ZOO |= {f"{part.__name__}: {name}": case for name, case in part().items()}
