# SPDX-License-Identifier: Apache-2.0
"""Trains four rows on three tasks: lr="auto", a grid of rates, Momo at lr 1.

    python experiments/auto/run.py             # what is not in results.json yet
    python experiments/auto/run.py --seeds 1   # of one seed only
    python experiments/auto/run.py --table     # the table of README.md, of what is recorded

A tuned row is the plain row at the best of its grid of half-decades, chosen by seed 0.
"""

from __future__ import annotations

import argparse
import json
import pydoc_data.topics
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

import steepest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "rates"))
import tasks  # noqa: E402

Batch = tuple[Tensor, Tensor]
Data = tuple[Callable[[torch.Generator], Batch], Batch]
RESULTS = HERE / "results.json"
SEEDS = 5
WAYS = ("auto", "f*=0", "f*=auto")  # beside the tuned rate
# The rates of the grid, and how much slower what is no matrix moves.
ROWS = {
    "muon": ((0.003, 0.01, 0.03, 0.1, 0.3), 0.1),
    "muonmax": ((0.01, 0.03, 0.1, 0.3, 1.0), 0.1),
    "adamw": ((3e-4, 1e-3, 3e-3, 1e-2, 3e-2), 1.0),
    "scion": ((0.003, 0.01, 0.03, 0.1, 0.3), 0.1),
}


def windows(train: bytes, held: bytes) -> Data:
    """A function that draws 8 windows of 64 bytes and the next ones, and 120 of the held bytes."""
    streams = [
        torch.frombuffer(bytearray(part), dtype=torch.uint8).long() for part in (train, held)
    ]

    # Bytes and next bytes, both [rows, 64], of the windows of `stream` that begin at `starts`.
    def cut(stream: Tensor, starts: Tensor) -> Batch:
        rows = torch.stack([stream[s : s + 65] for s in starts.tolist()])
        return rows[:, :-1], rows[:, 1:]

    # Draws a batch of the training bytes.
    def draw(generator: torch.Generator) -> Batch:
        starts = torch.randint(0, len(streams[0]) - 65, (8,), generator=generator)
        return cut(streams[0], starts)

    return draw, cut(streams[1], torch.linspace(0, len(streams[1]) - 66, 120).long())


def sources() -> Data:
    """The Python sources of torch, every tenth file held out."""
    files = sorted(Path(torch.__file__).parent.glob("*/*.py"))
    parts = [
        b"".join(f.read_bytes() for i, f in enumerate(files) if (i % 10 == 0) == held)
        for held in (False, True)
    ]
    return windows(parts[0][:4_000_000], parts[1])


def prose() -> Data:
    """English: the chapters of Python's language reference that pydoc keeps, a tenth held out."""
    chapters = [text for _, text in sorted(pydoc_data.topics.topics.items())]
    text = "\n".join(chapters).encode()
    cut = len(text) * 9 // 10
    return windows(text[:cut], text[cut:])


TASKS: dict[str, tuple[Callable[[], nn.Module], Callable[[], Data], int]] = {
    "mlp": (tasks.mlp, tasks.digits, 150),
    "gpt-code": (tasks.GPT, sources, 200),
    "gpt-prose": (tasks.GPT, prose, 200),
}


def train(task: str, make: Callable[[nn.Module], torch.optim.Optimizer], seed: int) -> float:
    """The held-out loss, in nats, after training with the optimizer that ``make`` makes; or inf."""
    model_of, data_of, steps = TASKS[task]
    torch.manual_seed(seed)
    draw, held = data_of()
    model = model_of()
    optimizer = make(model)
    generator = torch.Generator().manual_seed(seed)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: tasks.schedule((step + 1) / steps)
    )
    for _ in range(steps):
        optimizer.zero_grad()
        loss = tasks.loss_of(model, draw(generator))
        if not torch.isfinite(loss):
            return float("inf")
        loss.backward()
        optimizer.observe(loss)
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        value = tasks.loss_of(model.eval(), held).item()
    return value if value == value else float("inf")


def optimizer_of(row: str, way: str) -> Callable[[nn.Module], torch.optim.Optimizer]:
    """What makes the row's optimizer: ``way`` is one of WAYS or a rate.

    "f*=0" and "f*=auto" are Momo at lr 1.
    """
    ratio = ROWS[row][1]
    if way == "auto":
        return lambda model: steepest.make(row + "-momo", model, lr="auto")
    if way not in WAYS:
        lr = float(way)
        return lambda model: steepest.make(row, model, lr=lr, backup_lr=lr * ratio)
    f_star = "auto" if way == "f*=auto" else 0.0
    return lambda model: steepest.make(row + "-momo", model, lr=1.0, backup_lr=ratio, f_star=f_star)


def recorded() -> dict[str, float]:
    """All recorded losses by "row task way seed"."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def loss_of(row: str, task: str, way: str, seed: int) -> float:
    """The loss of a run, from results.json or by running it, which records and prints it."""
    losses, key = recorded(), f"{row} {task} {way} {seed}"
    if key not in losses:
        begin = time.perf_counter()
        losses[key] = round(train(task, optimizer_of(row, way), seed), 4)
        print(f"{key}: {losses[key]} ({time.perf_counter() - begin:.1f} s)", flush=True)
        text = json.dumps(dict(sorted({**recorded(), key: losses[key]}.items())), indent=0)
        RESULTS.with_suffix(".new").write_text(text + "\n")
        RESULTS.with_suffix(".new").replace(RESULTS)
    return losses[key]


def best_rate(row: str, task: str) -> str:
    """The rate of the row's grid with the least loss of seed 0."""
    return min((f"{lr:g}" for lr in ROWS[row][0]), key=lambda way: loss_of(row, task, way, 0))


def run_all(rows: list[str], names: list[str], seeds: int) -> None:
    """Runs what is not recorded of these rows and tasks, all of a seed before the next."""
    for seed in range(seeds):
        for task in names:
            for row in rows:
                for way in (best_rate(row, task), *WAYS):
                    loss_of(row, task, way, seed)


def cell(losses: list[float]) -> str:
    """The mean of the losses, and their standard deviation where there are several."""
    spread = f" ± {statistics.stdev(losses):.3f}" if len(losses) > 1 else ""
    return f"{statistics.mean(losses):.3f}{spread}"


def table() -> str:
    """The recorded losses, a line a row and task, in the seeds that all ways have."""
    lines = ["| task | row | tuned (rate) | auto | auto - tuned | f* = 0 | f* auto | seeds |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    losses = recorded()
    for task in TASKS:
        for row in ROWS:
            grid = [f"{lr:g}" for lr in ROWS[row][0]]
            tried = [way for way in grid if f"{row} {task} {way} 0" in losses]
            if len(tried) < len(grid):
                continue
            ways = (best_rate(row, task), *WAYS)
            keys = [[f"{row} {task} {way} {seed}" for way in ways] for seed in range(SEEDS)]
            whole = [[losses[key] for key in k] for k in keys if all(key in losses for key in k)]
            if not whole:
                continue
            tuned, auto, *momo = ([losses[i] for losses in whole] for i in range(len(ways)))
            gap = statistics.mean(auto) - statistics.mean(tuned)
            lines.append(
                f"| {task} | {row} | {cell(tuned)} ({ways[0]}) | {cell(auto)} | {gap:+.3f} | "
                f"{' | '.join(map(cell, momo))} | {len(whole)} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs what is not recorded, or with --table prints the table of what is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="*", default=list(ROWS))
    parser.add_argument("--tasks", nargs="*", default=list(TASKS))
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--table", action="store_true", help="print the table of what is recorded")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.table:
        print(table(), end="")
    else:
        run_all(options.rows, options.tasks, options.seeds)


if __name__ == "__main__":
    main()
