# SPDX-License-Identifier: Apache-2.0
"""A LightningModule with accumulated gradients: an LSTM over the bytes of torch's sources.

Usage: python FILE [--steps N]
"""

import argparse
import pathlib
import warnings
from typing import Any

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader

import steepest

warnings.filterwarnings("ignore", module="lightning")
parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=80)
options = parser.parse_args()


class Bytes(lightning.LightningModule):
    """Predicts each byte of a row from those before it."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, width)
        self.lstm = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.head = nn.Linear(width, 256)
        self.losses: list[float] = []

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(self.embedding(ids))[0])

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        logits = self(batch[:, :-1])
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        self.losses.append(loss.item())
        return loss

    def configure_optimizers(self) -> tuple[list[Any], list[Any]]:
        optimizer = steepest.Muon(self, lr=0.02, backup_lr=5e-3)
        peak = [group["lr"] for group in optimizer.param_groups]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, options.steps)
        return [optimizer], [{"scheduler": schedule, "interval": "step"}]


sources = sorted((pathlib.Path(torch.__file__).parent / "nn" / "modules").glob("*.py"))
text = torch.tensor(bytearray(b"\0".join(path.read_bytes() for path in sources))).long()
rows: Any = text[: len(text) // 65 * 65].view(-1, 65)

lightning.seed_everything(0, verbose=False)
model = Bytes()
trainer = lightning.Trainer(
    accelerator="cpu",
    max_steps=options.steps,
    accumulate_grad_batches=4,
    gradient_clip_val=1.0,
    logger=False,
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(model, DataLoader(rows, batch_size=16, shuffle=True))

print(f"loss {sum(model.losses[:4]) / 4:.4f} -> {sum(model.losses[-4:]) / 4:.4f}")
