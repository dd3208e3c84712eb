# SPDX-License-Identifier: Apache-2.0
"""Hugging Face's Trainer: a small Llama with tied embeddings over the bytes of torch's sources.

Usage: python FILE [--steps N]
"""

import argparse
import pathlib
import tempfile

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=100)
options = parser.parse_args()

sources = sorted((pathlib.Path(torch.__file__).parent / "nn" / "modules").glob("*.py"))
text = torch.tensor(bytearray(b"\0".join(path.read_bytes() for path in sources))).long()
rows = text[: len(text) // 64 * 64].view(-1, 64)
data = [{"input_ids": row, "labels": row} for row in rows]

torch.manual_seed(0)
config = LlamaConfig(
    vocab_size=256,
    hidden_size=96,
    intermediate_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    tie_word_embeddings=True,
)
model = LlamaForCausalLM(config)
args = TrainingArguments(
    output_dir=tempfile.mkdtemp(),
    max_steps=options.steps,
    per_device_train_batch_size=32,
    learning_rate=2e-3,
    warmup_steps=10,
    lr_scheduler_type="cosine",
    weight_decay=0.1,
    logging_steps=10,
    logging_first_step=True,
    save_strategy="no",
    report_to="none",
    disable_tqdm=True,
    use_cpu=True,
)
trainer = Trainer(
    model=model,
    args=args,
    train_dataset=data,
    optimizers=(steepest.Muon(model, lr=0.02, backup_lr=1e-3, step_size="momo"), None),
)


@model.register_forward_hook
def observe(module: torch.nn.Module, inputs: object, output: dict[str, torch.Tensor]) -> None:
    _ = module.training and trainer.optimizer.optimizer.observe(output["loss"])


trainer.train()

losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
