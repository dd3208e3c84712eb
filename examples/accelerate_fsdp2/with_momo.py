# SPDX-License-Identifier: Apache-2.0
"""Accelerate with FSDP2 and accumulated gradients: a transformer learns to sort digits.

Usage: torchrun --standalone --nproc-per-node 2 FILE [--steps N]
"""

import argparse
from typing import Any

import torch
from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin
from torch import nn
from torch.utils.data import DataLoader

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=40)
options = parser.parse_args()


class Sorter(nn.Module):
    """Digits [rows, 12] to logits of the sorted digits [rows, 12, 10]."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(10, width)
        self.position = nn.Parameter(torch.randn(12, width))
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(width, 10)

    def forward(self, digits: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.embedding(digits) + self.position))


torch.manual_seed(0)
plugin = FullyShardedDataParallelPlugin(
    fsdp_version=2,
    auto_wrap_policy="transformer_based_wrap",
    transformer_cls_names_to_wrap=["TransformerEncoderLayer"],
)
accelerator = Accelerator(gradient_accumulation_steps=2, cpu=True, fsdp_plugin=plugin)
# On CPUs Accelerate takes DDP, whatever the plugin says; elsewhere leave these two lines out.
accelerator.state.distributed_type = DistributedType.FSDP
accelerator.state.fsdp_plugin = plugin
model = Sorter()
optimizer = steepest.Muon(model, lr=0.02, backup_lr=1e-3, step_size="momo")
rows: Any = torch.randint(10, (64 * 2 * options.steps, 12))
loader: Any = DataLoader(rows, batch_size=64 // accelerator.num_processes)
model, optimizer, loader = accelerator.prepare(model, optimizer, loader)

losses = []
for digits in loader:
    with accelerator.accumulate(model):
        logits, targets = model(digits), digits.sort().values
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        losses.append(accelerator.reduce(loss.detach(), "mean").item())
        optimizer.optimizer.observe(loss)
        accelerator.backward(loss)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

accelerator.print(f"loss {losses[0]:.6f} -> {losses[-1]:.6f}")
accelerator.end_training()
