# SPDX-License-Identifier: Apache-2.0
"""Four small trainings on which every row's default learning rate is judged.

Each takes seconds on one core: a byte-level GPT and an LSTM on the sources of the Python standard
library, a perceptron and a convolutional network on the handwritten digits of scikit-learn.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import LambdaLR


class Attention(nn.Module):
    """Causal attention of several heads; x is [batch, context, width]."""

    # Makes the maps of attention with so many heads over vectors of `width`.
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)

    # Causal self-attention with all heads; x and the result are [batch, context, width].
    def forward(self, x: Tensor) -> Tensor:
        batch, context, width = x.shape
        parts = self.qkv(x).view(batch, context, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(batch, context, width))


class Block(nn.Module):
    """A layer of a GPT, with normalisation before each half."""

    # Makes the attention and the MLP, each with its normalisation.
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    # Adds attention and then the MLP to x; x and the result are [batch, context, width].
    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.c_proj(functional.gelu(self.c_fc(self.ln_2(x))))


class GPT(nn.Module):
    """Logits [batch, context, 256] of the next byte, from bytes [batch, context]."""

    # Makes a byte-level GPT with the initialisation of GPT-2.
    def __init__(self, width: int = 64, layers: int = 2, heads: int = 4, context: int = 64) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(256, width), nn.Embedding(context, width)
        self.h = nn.Sequential(*[Block(width, heads) for _ in range(layers)])
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, 256, bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    # Logits [batch, context, 256] of the next byte, from bytes x [batch, context].
    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        return self.lm_head(self.ln_f(self.h(self.wte(x) + self.wpe(places))))


class LSTM(nn.Module):
    """Logits [batch, context, 256] of the next byte, from bytes [batch, context]."""

    # Makes an embedding of bytes, an LSTM and a linear head.
    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.embedding = nn.Embedding(256, width)
        self.lstm = nn.LSTM(width, 2 * width, batch_first=True)
        self.head = nn.Linear(2 * width, 256)

    # Logits [batch, context, 256] of the next byte, from bytes x [batch, context].
    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(x))[0])


def mlp() -> nn.Module:
    """Makes a network of three linear layers: images [batch, 1, 8, 8] to logits [batch, 10]."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 128),
        nn.ReLU(),
        nn.Linear(128, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def cnn() -> nn.Module:
    """Makes a convolutional network: images [batch, 1, 8, 8] to logits [batch, 10]."""
    return nn.Sequential(
        *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
    )


Batch = tuple[Tensor, Tensor]


def text() -> tuple[Callable[[torch.Generator], Batch], Batch]:
    """The data of a language model: a function that draws training batches, and one for validation.

    A batch is (bytes, next bytes), both int64 [rows, 64], from the sources of Python's library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted(folder.glob("*.py"))
    whole = b"".join(file.read_bytes() for file in files)[:2_000_000]
    stream = torch.frombuffer(bytearray(whole), dtype=torch.uint8).long()
    cut, context = len(stream) * 9 // 10, 64

    # Bytes and next bytes, both [rows, context], of the windows that begin at ``starts`` [rows].
    def windows(starts: Tensor) -> Batch:
        rows = torch.stack([stream[s : s + context + 1] for s in starts.tolist()])
        return rows[:, :-1], rows[:, 1:]

    # Draws 8 windows of the training bytes.
    def draw(generator: torch.Generator) -> Batch:
        return windows(torch.randint(0, cut - context - 1, (8,), generator=generator))

    return draw, windows(torch.arange(cut, len(stream) - context - 1, 1600)[:120])


def digits() -> tuple[Callable[[torch.Generator], Batch], Batch]:
    """scikit-learn's digits: a function that draws training batches, and all validation images.

    A batch is (images float32 [n, 1, 8, 8], classes int64 [n]).
    """
    from sklearn.datasets import load_digits

    images, classes = load_digits(return_X_y=True)
    x = torch.tensor(images, dtype=torch.float32).view(-1, 1, 8, 8) / 16 - 0.5
    y = torch.tensor(classes)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    held, rest = order[:800], order[800:]

    # Draws 64 training images with their classes.
    def draw(generator: torch.Generator) -> Batch:
        picked = rest[torch.randint(0, len(rest), (64,), generator=generator)]
        return x[picked], y[picked]

    return draw, (x[held], y[held])


@dataclass(frozen=True)
class Task:
    """A model, its data and how long it is trained; a loss is the mean cross-entropy in nats.

    The images are given few steps, after which the loss is still far from 0, and several seeds:
    a tenth of it is then more than one run differs from another.
    """

    model: Callable[[], nn.Module]
    data: Callable[[], tuple[Callable[[torch.Generator], Batch], Batch]]
    steps: int
    seeds: int


TASKS = {
    "gpt": Task(GPT, text, 200, 1),
    "mlp": Task(mlp, digits, 150, 3),
    "cnn": Task(cnn, digits, 150, 3),
    "lstm": Task(LSTM, text, 200, 1),
}


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """The mean cross-entropy, in nats, of a model on a batch of inputs and classes; 0-dim."""
    x, y = batch
    return functional.cross_entropy(model(x).flatten(0, -2), y.flatten())


def schedule(done: float) -> float:
    """The factor of all rates where a fraction of the steps is done.

    It is a warm-up of 5 %, then constant, then linear to 0 from 60 % on.
    """
    return min(1.0, done / 0.05, (1 - done) / 0.4)


def train(name: str, make: Callable[[nn.Module], torch.optim.Optimizer]) -> float:
    """Trains the task ``name`` with each of its seeds; returns their mean validation loss.

    ``make`` makes the optimizer of a model. inf where one seed diverges.
    """
    task = TASKS[name]
    return sum(_train_once(task, make, seed) for seed in range(task.seeds)) / task.seeds


def _train_once(task: Task, make: Callable[[nn.Module], torch.optim.Optimizer], seed: int) -> float:
    """Trains a task's model with one seed; returns its validation loss at the end.

    inf where that is NaN, or a training loss is NaN or Inf. ``make`` makes the model's optimizer.
    """
    torch.manual_seed(seed)
    draw, held = task.data()
    model = task.model()
    optimizer = make(model)
    generator = torch.Generator().manual_seed(seed)
    scheduler = LambdaLR(optimizer, lambda step: schedule((step + 1) / task.steps))
    for _ in range(task.steps):
        optimizer.zero_grad()
        loss = loss_of(model, draw(generator))
        if not torch.isfinite(loss):
            return float("inf")
        loss.backward()
        if hasattr(optimizer, "observe"):
            optimizer.observe(loss)
        optimizer.step()
        scheduler.step()
    model.eval()
    with torch.no_grad():
        value = loss_of(model, held).item()
    return value if value == value else float("inf")
