# SPDX-License-Identifier: Apache-2.0
"""Accelerate's loop, with accumulated gradients: a transformer learns to sort digits.

Usage: python FILE [--steps N]
"""

import argparse
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn
from torch.utils.data import DataLoader

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=200)
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
accelerator = Accelerator(gradient_accumulation_steps=2, cpu=True)
model = Sorter()
optimizer = steepest.Muon(model, lr=0.02, backup_lr=1e-3)
schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.1, options.steps)
rows: Any = torch.randint(10, (64 * 2 * options.steps, 12))
loader: Any = DataLoader(rows, batch_size=64)
model, optimizer, loader, schedule = accelerator.prepare(model, optimizer, loader, schedule)

losses = []
for digits in loader:
    with accelerator.accumulate(model):
        logits, targets = model(digits), digits.sort().values
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        losses.append(loss.item())
        accelerator.backward(loss)
        if accelerator.sync_gradients:
            accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()

print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
