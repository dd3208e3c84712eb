# SPDX-License-Identifier: Apache-2.0
"""Many steps, many optimizers, many parameters: memory stays, time grows in proportion."""

import gc
import json
import struct
import time
import warnings
import weakref
from pathlib import Path

import torch
from kit import case
from probe import replay

import steepest


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def small(count=4):
    return [torch.randn(8, 8) for _ in range(count)]


def stepping(optimizer, params, steps):
    grads = [torch.randn_like(p) for p in params]
    for _ in range(steps):
        for p, g in zip(params, grads):
            p.grad = g
        if optimizer.param_groups[0].get("step_size") == "momo":
            optimizer.observe(torch.tensor(1.0))
        optimizer.step()


@case("29", "10,000 steps; 1,000 optimizers made and dropped; many parameters", heavy=True)
def growth(t):
    """Memory grows by less than 1 MiB after warm-up, every optimizer is freed, time is linear."""
    for name in ("muon", "muonmax-momo", "adamw"):
        params = small()
        optimizer = steepest.make(name, params, lr=1e-4)
        stepping(optimizer, params, 1000)
        gc.collect()
        before = resident()
        stepping(optimizer, params, 10_000 if t.long or name == "muon" else 3000)
        gc.collect()
        grown = (resident() - before) / 2**20
        t.check(grown < 1, f"{name}: {grown:.2f} MiB in the steps")
        t.note(f"{name} {grown:.2f} MiB")
    alive = []
    for i in range(1100):
        params = small(2)
        optimizer = steepest.MuonMax(params)
        stepping(optimizer, params, 1)
        alive.append(weakref.ref(optimizer))
        if i == 100:
            gc.collect()
            before = resident()
    del optimizer, params
    gc.collect()
    left = sum(ref() is not None for ref in alive)
    grown = (resident() - before) / 2**20
    t.check(left == 0, f"{left} of 1,100 optimizers are still alive")
    t.check(grown < 1, f"1,000 optimizers: {grown:.2f} MiB")
    linear(t, (25_000, 100_000) if t.long else (8000, 32_000))
    return t.result()


def seconds_of(count):
    params = [torch.ones(2, 2) for _ in range(count)]
    for p in params:
        p.grad = torch.ones(2, 2)
    begin = time.process_time()
    optimizer = steepest.Muon(params)
    made = time.process_time() - begin
    optimizer.step()
    begin = time.process_time()
    optimizer.step()
    return made, time.process_time() - begin


def linear(t, counts):
    """Four times the parameters take at most eight times as long: quadratic would take sixteen."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds_of(counts[0])
        # The faster of two each: what else runs on the machine makes some of them slow.
        few, many = (map(min, zip(*(seconds_of(n) for _ in range(3)))) for n in counts)
    for what, a, b in zip(("making", "a step"), few, many):
        grown = b / max(a, 0.005)
        t.check(grown < 8, f"{what}: {counts[1]} parameters {b:.2f} s, {counts[0]} {a:.2f} s")
        t.note(f"{what} x4 parameters: x{grown:.1f}")


@case("F18", "Thousands of parameters: making and stepping")
def parameters(t):
    """Linear in their number."""
    linear(t, (8000, 32_000))
    return t.result(" ")


@case("F19", "Thousands of tensors in a safetensors header")
def header(t):
    """Linear in their number: 32,000 in well under a second's work more than 8,000's fourfold."""
    seconds = {}
    for count in (8000, 32_000):
        entries = {
            f"t{i}": {"dtype": "U8", "shape": [1], "data_offsets": [i, i + 1]} for i in range(count)
        }
        text = json.dumps(entries).encode()
        text += b" " * (-len(text) % 8)
        path = t.folder / f"{count}.safetensors"
        path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(count))
        done = replay("safetensors", [path])
        fields = done.stdout.strip().split("\t")
        t.check(len(fields) >= 3, f"{count}: {done.stderr[-100:]}")
        seconds[count] = float(fields[1])
        if len(fields) > 3:
            t.check(not fields[3], f"{count}: {fields[3]}")
    few, many = seconds.values()
    t.check(many < 8 * max(few, 0.02), f"8,000 in {few:.2f} s, 32,000 in {many:.2f} s")
    return t.result(f"8,000 in {few:.2f} s, 32,000 in {many:.2f} s")
