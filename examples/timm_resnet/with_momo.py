# SPDX-License-Identifier: Apache-2.0
"""timm's ResNet-10-T on images whose class is their dominant colour, with timm's own schedule.

Usage: python FILE [--steps N]
"""

import argparse

import timm
import torch
from timm.scheduler import CosineLRScheduler

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=60)
options = parser.parse_args()

torch.manual_seed(0)
model = timm.create_model("resnet10t", num_classes=8, channels=(32, 64, 128, 256))
optimizer = steepest.Muon(model, lr=0.02, backup_lr=1e-3, weight_decay=0.05, step_size="momo")
schedule = CosineLRScheduler(optimizer, options.steps, warmup_t=5, warmup_lr_init=1e-5)
palette = torch.tensor([[r, g, b] for r in (-1, 1) for g in (-1, 1) for b in (-1, 1)]).float()


def get_batch(rows: int = 32, size: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise over the colour of each class: images [rows, 3, size, size] and labels [rows]."""
    labels = torch.randint(8, (rows,))
    return palette[labels, :, None, None] * 0.3 + torch.randn(rows, 3, size, size), labels


losses = []
for step in range(options.steps):
    schedule.step(step)
    images, labels = get_batch()
    loss = torch.nn.functional.cross_entropy(model(images), labels)
    losses.append(loss.item())
    optimizer.observe(loss)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()

print(f"loss {losses[0]:.4f} -> {sum(losses[-5:]) / 5:.4f}")
