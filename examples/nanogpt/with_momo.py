# SPDX-License-Identifier: Apache-2.0
"""A training loop in the manner of nanoGPT's: a GPT over bytes learns the sources of torch.

Usage: python FILE [--steps N] [--out FOLDER] [--resume] [--bf16]
"""

import argparse
import contextlib
import math
import pathlib

import torch
from model import GPT

import steepest

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=150)
parser.add_argument("--out", type=pathlib.Path, help="folder of the checkpoint; default: none")
parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out")
parser.add_argument("--bf16", action="store_true", help="autocast to bfloat16")
options = parser.parse_args()

# -- configuration ---------------------------------------------------------------------------------
shape = dict(vocab=256, context=64, layers=2, heads=4, width=96)
rows, accumulate = 16, 2
learning_rate = 2e-2  # of the matrices
weight_decay, grad_clip = 0.1, 1.0
warmup, floor = 10, 0.1  # steps; fraction of learning_rate at the end
eval_every, eval_batches = 50, 8
device = "cuda" if torch.cuda.is_available() else "cpu"

# -- data ------------------------------------------------------------------------------------------
sources = sorted((pathlib.Path(torch.__file__).parent / "nn" / "modules").glob("*.py"))
text = torch.frombuffer(bytearray(b"\0".join(p.read_bytes() for p in sources)), dtype=torch.uint8)
parts = {"train": text[: -len(text) // 10], "val": text[-len(text) // 10 :]}


def get_batch(split: str, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and targets, [rows, context] each."""
    data = parts[split]
    starts = torch.randint(len(data) - shape["context"], (rows,), generator=generator)
    cut = torch.stack([data[i : i + shape["context"] + 1] for i in starts.tolist()])
    cut = cut.long().to(device)
    return cut[:, :-1], cut[:, 1:]


# -- model and optimizer ---------------------------------------------------------------------------
torch.manual_seed(1337)
model = GPT(**shape).to(device)
named = list(model.named_parameters())
groups = [
    {"params": [(n, p) for n, p in named if p.dim() >= 2], "weight_decay": weight_decay},
    {"params": [(n, p) for n, p in named if p.dim() < 2], "weight_decay": 0.0, "lr_scale": 0.05},
]
optimizer = steepest.Muon(groups, lr=learning_rate, backup_lr=1e-3, step_size="momo")
autocast = torch.autocast(device, torch.bfloat16) if options.bf16 else contextlib.nullcontext()
first, done = None, 0
if options.resume:
    saved = torch.load(options.out / "ckpt.pt", map_location=device)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    first, done = saved["first"], saved["step"]


def get_lr(step: int) -> float:
    """A linear warm-up, then a cosine down to the floor."""
    if step < warmup:
        return learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, options.steps - warmup)
    return learning_rate * (floor + (1 - floor) * (1 + math.cos(math.pi * progress)) / 2)


@torch.no_grad()
def estimate_loss() -> float:
    """The mean over the same validation batches each time."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    with autocast:
        losses = [model(*get_batch("val", generator))[1] for _ in range(eval_batches)]
    model.train()
    return torch.stack(losses).mean().item()


def save(step: int) -> None:
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        torch.save({**state, "step": step, "first": first}, options.out / "ckpt.pt")


# -- training --------------------------------------------------------------------------------------
total = math.nan  # the loss of the last step
for step in range(done, options.steps):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(step) * group.get("lr_scale", 1.0)
    generator = torch.Generator().manual_seed(step)  # a resumed run sees the same batches
    total = 0.0
    for _ in range(accumulate):
        with autocast:
            _, loss = model(*get_batch("train", generator))
        optimizer.observe(loss)
        total += loss.item() / accumulate
        (loss / accumulate).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), grad_clip)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    first = total if first is None else first
    if (step + 1) % eval_every == 0 or step + 1 == options.steps:
        print(f"step {step + 1}  loss {total:.4f}  validation {estimate_loss():.4f}", flush=True)
        save(step + 1)

print(f"loss {first:.4f} -> {total:.4f}")
