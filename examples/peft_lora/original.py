# SPDX-License-Identifier: Apache-2.0
"""PEFT's LoRA: a small Llama that knows one text is adapted to another, by torch's own Muon.

Usage: python FILE [--steps N]
"""

import argparse
import pathlib
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=100)
options = parser.parse_args()


def read(folder: str, suffix: str) -> torch.Tensor:
    """Rows of 64 bytes of the files of a folder of the torch package."""
    files = sorted((pathlib.Path(torch.__file__).parent / folder).glob(suffix))
    text = torch.tensor(bytearray(b"\0".join(path.read_bytes() for path in files))).long()
    return text[: len(text) // 64 * 64].view(-1, 64)


def train(model: Any, optimizer: Any, rows: torch.Tensor, steps: int) -> list[float]:
    """The losses of training on random rows."""
    losses = []
    for _ in range(steps):
        ids = rows[torch.randint(len(rows), (32,))]
        loss = model(input_ids=ids, labels=ids).loss
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return losses


torch.manual_seed(0)
shape = dict(hidden_size=96, intermediate_size=256, num_hidden_layers=2, num_attention_heads=4)
model = LlamaForCausalLM(LlamaConfig(vocab_size=256, max_position_embeddings=64, **shape))
pretraining = torch.optim.AdamW(model.parameters(), lr=2e-3)
train(model, pretraining, read("nn/modules", "*.py"), options.steps)

lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
model = get_peft_model(model, lora)
adapters = [p for p in model.parameters() if p.requires_grad]
optimizer = torch.optim.Muon(adapters, lr=0.02)
losses = train(model, optimizer, read("include/ATen", "*.h"), options.steps)

print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
