# SPDX-License-Identifier: Apache-2.0
"""NaN, Inf, and losses that jump."""

import math
import random

import torch
from kit import (
    DONE,
    NUMERIC,
    case,
    last_line,
    lines_of_json,
    sets,
    steps_of,
    train,
    write_config,
)
from safetensors.torch import load_file

import steepest

# As a user writes it: nothing is said about what is not finite.
DEFAULT = {"nonfinite": ('nonfinite = "skip"\n', "")}
SGD = ["optimizer.recipe=sgd", "optimizer.lr=100", "run.checkpoint_every=5", "run.max_skipped=10"]
SGD += ["schedule.kind=constant", "schedule.warmup=0"]


def finite(run, step):
    tensors = {}
    for part in ("model", "optimizer"):
        tensors |= load_file(run / f"ckpt-{step}" / f"{part}.safetensors")
    return all(bool(torch.isfinite(x.double()).all()) for x in tensors.values())


@case("15", "A gradient with one NaN or Inf")
def one_nan(t):
    """nonfinite="skip": weights and state unchanged bit for bit, counted in stats; "propagate", the
    default of Python: as torch, counted in stats. Never silent; every class."""
    for name, cls in steepest.catalog.CLASSES.items():
        for value in (math.nan, math.inf):
            for mode in ("skip", "propagate"):
                model = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.Linear(8, 4))
                optimizer = cls(model.named_parameters(), nonfinite=mode)
                seeded = torch.Generator().manual_seed(0)
                for step in range(3):
                    for p in model.parameters():
                        p.grad = torch.randn(p.shape, generator=seeded)
                    if step == 2:
                        model[0].weight.grad[3, 2] = value
                        before = snapshot(model, optimizer)
                    optimizer.step()
                found = optimizer.stats()["step"]
                what = f"{name} {value} {mode}"
                t.check(found["nonfinite"] >= 1, f"{what}: nonfinite {found['nonfinite']}")
                if mode == "skip":
                    t.check(same(before, snapshot(model, optimizer)), f"{what}: changed")
                    t.check(found["skipped"] == 1, f"{what}: skipped {found['skipped']}")
    run_refuses(t)
    return t.result(f"{len(steepest.catalog.CLASSES)} classes, NaN and Inf; the trainer")


def snapshot(model, optimizer):
    state = [
        {k: v.clone() if torch.is_tensor(v) else v for k, v in optimizer.state[p].items()}
        for p in model.parameters()
    ]
    return [p.detach().clone() for p in model.parameters()], state


def same(a, b):
    equal = lambda x, y: torch.equal(x, y) if torch.is_tensor(x) else x == y  # noqa: E731
    return all(map(torch.equal, a[0], b[0])) and all(
        x.keys() == y.keys() and all(equal(x[k], y[k]) for k in x) for x, y in zip(a[1], b[1])
    )


def run_refuses(t):
    """The trainer, as it comes: steps with NaN are refused, counted and named."""
    folder = t.sub("run")
    config, run = write_config(folder, **DEFAULT), folder / "run"
    done = train("train", config, *sets(SGD))
    t.check(done.returncode == NUMERIC, f"trainer: exit {done.returncode}, {last_line(done)}")
    rows = lines_of_json(run / "metrics.jsonl")
    named = [row for row in rows if row.get("refused")]
    t.check(named, "trainer: no refused step in metrics.jsonl")
    t.check("refused" in done.stderr, "trainer: no refused step on stderr")


@case("16", "Loss NaN; many refused steps in a row")
def diverged(t):
    """The run stops with an exit code of its own, names the last good checkpoint and keeps it: no
    checkpoint with NaN or Inf is written or counted as good."""
    tried = stopped = 0
    for recipe, lr, extra in (
        ("sgd", "100", []),
        ("sgd", "1e4", []),
        ("muon", "1e6", []),
        ("adamw", "1e6", []),
        ("muonmax", "1e6", []),
        ("muonmax-momo", "1e6", []),
        ("sgd", "100", ["optimizer.nonfinite=skip"]),
        ("sgd", "100", ["run.checkpoint_every=1"]),
        ("sgd", "100", ["run.dtype=bfloat16"]),
    ):
        folder = t.sub("diverged")
        config, run = write_config(folder, **DEFAULT), folder / "run"
        settings = [f"optimizer.recipe={recipe}", f"optimizer.lr={lr}", "run.checkpoint_every=5"]
        settings += ["run.steps=60", "run.max_skipped=10", "schedule.warmup=0"]
        settings += ["schedule.kind=constant", *extra]
        done = train("train", config, *sets(settings))
        what = " ".join([recipe, lr, *extra])
        saved = steps_of(run)
        good = [step for step in saved if finite(run, step)]
        t.check(good == saved, f"{what}: checkpoints {saved}, finite {good}")
        rows = [r for r in lines_of_json(run / "metrics.jsonl") if "loss" in r]
        refused = sum("refused" in row for row in rows)
        tried += refused > 0
        taken = [row for row in rows if "refused" not in row]
        t.check(all(row["loss"] is not None for row in taken), f"{what}: a step on a NaN loss")
        t.check(("refused" in done.stderr) == (refused > 0), f"{what}: {refused} refused, said?")
        in_a_row = all("refused" in row for row in rows[-10:])
        if in_a_row or rows[-1]["step"] < 60:
            stopped += 1
            t.check(done.returncode == NUMERIC, f"{what}: exit {done.returncode}")
            named = not saved or f"ckpt-{saved[-1]}" in done.stderr
            t.check(named, f"{what}: the last good checkpoint is not named")
        else:
            t.check(done.returncode == DONE, f"{what}: exit {done.returncode}")
    t.check(tried >= 4 and stopped >= 2, f"{tried} runs came to NaN, {stopped} stopped: too few")
    return t.result(f"9 runs with absurd rates: {tried} came to NaN, {stopped} stopped")


@case("32", "A loss that jumps: a batch of noise")
def spike(t):
    """The jump is logged with a z-score; Momo's step stays bounded, nothing is NaN, and within 100
    steps the loss is back within 20 % of where it was."""
    noise = random.Random(5)
    words = [b"the cat sat on the mat and saw a bird. " for _ in range(1300)]
    text = bytearray(b"".join(words))
    row = 4 * 32
    at = 200 * row
    text[at : at + row + 1] = noise.randbytes(row + 1)
    for recipe, lr in (("muonmax-momo", "0.02"), ("muon", "0.02"), ("adamw", "0.01")):
        folder = t.sub("spike")
        (folder / "a.txt").write_bytes(text)
        config, run = write_config(folder), folder / "run"
        settings = [
            f"data.path={folder}/a.txt",
            "data.order=sequential",
            f"optimizer.recipe={recipe}",
            f"optimizer.lr={lr}",
            "run.steps=320",
            "run.eval_every=0",
            "run.checkpoint_every=0",
            "schedule.kind=constant",
            "model.dropout=0",
        ]
        done = train("train", config, *sets(settings))
        rows = [r for r in lines_of_json(run / "metrics.jsonl") if "loss" in r]
        if not t.check(done.returncode == DONE, f"{recipe}: exit {done.returncode}"):
            continue
        loss = {r["step"]: r["loss"] for r in rows}
        t.check(all(map(math.isfinite, loss.values())), f"{recipe}: NaN")
        peak = max(range(195, 210), key=lambda s: loss[s])
        before = sorted(loss[s] for s in range(peak - 40, peak))[20]
        t.check(loss[peak] > 2 * before, f"{recipe}: no spike: {loss[peak]:.2f}, {before:.2f}")
        scored = [
            r
            for r in rows
            if any(
                "z" == k
                or k.startswith("z_")
                or k.endswith("_z")
                or "zscore" in k
                or "z_score" in k
                for k in r
            )
        ]
        marked = any(r["step"] == peak for r in scored)
        t.check(marked and len(scored) < 60, f"{recipe}: step {peak}: no z-score in metrics.jsonl")
        after = sorted(loss[s] for s in range(peak + 70, peak + 100))[15]
        t.check(after < 1.2 * before + 0.05, f"{recipe}: {before:.3f} before, {after:.3f} after")
        t.note(f"{recipe} {before:.2f} -> {loss[peak]:.2f} -> {after:.2f}")
    return t.result("spike at step 201")
