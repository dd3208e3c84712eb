# SPDX-License-Identifier: Apache-2.0
"""FSDP2 (fully_shard): a small Llama of transformers over the bytes of torch's sources.

Usage: torchrun --standalone --nproc-per-node 2 FILE [--steps N]
"""

import argparse
import pathlib

import torch
import torch.distributed as dist
from torch.distributed.fsdp import fully_shard
from transformers import LlamaConfig, LlamaForCausalLM

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=30)
options = parser.parse_args()

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
sources = sorted((pathlib.Path(torch.__file__).parent / "nn" / "modules").glob("*.py"))
text = torch.tensor(bytearray(b"\0".join(path.read_bytes() for path in sources))).long()
rows = text[: len(text) // 64 * 64].view(-1, 64)

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=256,
    hidden_size=96,
    intermediate_size=255,  # rows that two processes cannot share evenly
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    tie_word_embeddings=True,
)
model = LlamaForCausalLM(config)
for layer in model.model.layers:
    fully_shard(layer)
fully_shard(model)
optimizer = steepest.Muon(model, lr=0.02, backup_lr=2e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)

losses = []
for _ in range(options.steps):
    batch = rows[torch.randint(len(rows), (16,))]  # the same on all processes: each takes its part
    mine = batch.chunk(world)[rank]
    loss = model(input_ids=mine, labels=mine).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad()
    mean = loss.detach() / world
    dist.all_reduce(mean)
    losses.append(mean.item())

if rank == 0:
    print(f"loss {losses[0]:.6f} -> {losses[-1]:.6f}")
dist.destroy_process_group()
