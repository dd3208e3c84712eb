# SPDX-License-Identifier: Apache-2.0
"""FSDP2 with tensor parallelism, as torchtitan does it: a small Llama over torch's sources.

Usage: torchrun --standalone --nproc-per-node 4 FILE [--steps N]
"""

import argparse
import pathlib

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)
from torch.nn import functional as F

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=30)
options = parser.parse_args()


class Block(nn.Module):
    """Attention without positions, and SwiGLU."""

    def __init__(self, width: int, head: int) -> None:
        super().__init__()
        self.head = head
        self.attention_norm, self.ffn_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, False) for _ in range(4))
        self.w1, self.w3 = (nn.Linear(width, 3 * width, False) for _ in range(2))
        self.w2 = nn.Linear(3 * width, width, False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.attention_norm(x)
        # As many heads as this process has.
        q, k, v = (
            w(y).unflatten(-1, (-1, self.head)).transpose(1, 2) for w in (self.wq, self.wk, self.wv)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.wo(y.transpose(1, 2).flatten(2))
        y = self.ffn_norm(x)
        return x + self.w2(F.silu(self.w1(y)) * self.w3(y))


class Transformer(nn.Module):
    """Bytes [rows, n] to logits [rows, n, 256]."""

    def __init__(self, width: int = 64, layers: int = 2) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(256, width)
        self.layers = nn.ModuleList(Block(width, 16) for _ in range(layers))
        self.norm, self.output = nn.RMSNorm(width), nn.Linear(width, 256, False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.tok_embeddings(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x))


def parallelize(model: Transformer, mesh: DeviceMesh) -> None:
    """Shards all weights over the dimension "tp" of the mesh, then over "dp"."""
    part = Shard(1)  # of the sequence, between the layers
    columns, rows = ColwiseParallel(input_layouts=part), RowwiseParallel(output_layouts=part)
    of_layer = {
        **{name: SequenceParallel() for name in ("attention_norm", "ffn_norm")},
        **{name: columns for name in ("wq", "wk", "wv", "w1", "w3")},
        **{name: rows for name in ("wo", "w2")},
    }
    of_model = {
        "tok_embeddings": RowwiseParallel(input_layouts=Replicate(), output_layouts=part),
        "norm": SequenceParallel(),
        "output": ColwiseParallel(input_layouts=part, output_layouts=Replicate()),
    }
    parallelize_module(model, mesh["tp"], of_model)
    for layer in model.layers:
        parallelize_module(layer, mesh["tp"], of_layer)
        fully_shard(layer, mesh=mesh["dp"])
    fully_shard(model, mesh=mesh["dp"])


dist.init_process_group("gloo")
tp = 2 if dist.get_world_size() > 1 else 1
mesh = init_device_mesh("cpu", (dist.get_world_size() // tp, tp), mesh_dim_names=("dp", "tp"))
sources = sorted((pathlib.Path(torch.__file__).parent / "nn" / "modules").glob("*.py"))
text = torch.tensor(bytearray(b"\0".join(path.read_bytes() for path in sources))).long()
rows = text[: len(text) // 65 * 65].view(-1, 65)

torch.manual_seed(0)
model = Transformer()
parallelize(model, mesh)
optimizer = steepest.Muon(model, lr=0.02, backup_lr=2e-3)

losses = []
for _ in range(options.steps):
    batch = rows[
        torch.randint(len(rows), (16,))
    ]  # the same on all processes: a row of the mesh takes a part
    mine = batch.chunk(mesh["dp"].size())[mesh["dp"].get_local_rank()]
    loss = F.cross_entropy(model(mine[:, :-1]).flatten(0, 1), mine[:, 1:].flatten())
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    mean = loss.detach() / dist.get_world_size()
    dist.all_reduce(mean)
    losses.append(mean.item())

if dist.get_rank() == 0:
    print(f"loss {losses[0]:.6f} -> {losses[-1]:.6f}")
dist.destroy_process_group()
