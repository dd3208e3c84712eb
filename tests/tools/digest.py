#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the engine computes, bit for bit, as one line a case: for comparing two builds.

Every row of the catalog and its Momo form, under every choice that changes the order or the place
of a computation, with parameters of three dtypes: 20 steps over a small network that has each kind
of block. A line holds a hash of the parameters and one of every state tensor, D and q; or what the
library refuses. Two builds on one machine that compute the same print the same lines:

    export OMP_NUM_THREADS=1
    STEEPEST_LIBRARY=old/build/lib/libsteepest.so PYTHONPATH=old/python digest.py > old.txt
    STEEPEST_LIBRARY=build/lib/libsteepest.so PYTHONPATH=python digest.py > new.txt
    diff old.txt new.txt
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import warnings
from typing import Any

import torch

import steepest
from steepest._library import ops

STEPS = 20
# Options of a variant, or a function of the step and the parameter's number that drops a gradient.
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "stale": {"duals": "stale"},
    "stale-missing": {"duals": "stale", "missing": True},
    "flattened": {"backup_blocks": "flattened"},
    "recomputed": {"directions": "recomputed"},
    "recursive": {"momo_model": "recursive"},
    "recursive-decay": {"momo_model": "recursive", "weight_decay": 0.1},
    "l2": {"outer": "l2", "update": "regularized"},
    "l2-flattened-stale": {
        "outer": "l2",
        "update": "regularized",
        "backup_blocks": "flattened",
        "duals": "stale",
    },
    "hybrid": {"outer": "hybrid", "update": "regularized", "missing": True},
    "decay": {"weight_decay": 0.3},
    "coupled": {"weight_decay": 0.3, "decoupled_weight_decay": False},
    "missing": {"missing": True},
    "feedback": {"error_feedback": True, "nesterov": False},
    "after": {"momentum_place": "after"},
    "heavy-ball": {"momentum_form": "heavy_ball", "dampening": 0.1},
    "nesterov": {"nesterov": True, "start": "first"},
    "corrected": {"start": "corrected", "momentum_form": "ema"},
    "one-by-one": {"foreach": False},
    "skip": {"nonfinite": "skip"},
    "wide-momentum": {"momentum_dtype": "float64"},
    "half-momentum": {"momentum_dtype": "bfloat16"},
    "exact": {"polar": "svd", "svd": "exact"},
    "auto-bound": {"f_star": "auto"},
    "cycled": {"cycled": True},
}
DTYPES = (torch.float32, torch.bfloat16, torch.float64)


def network(dtype: torch.dtype) -> list[dict[str, Any]]:
    """Parameter groups with every kind of block: (name, shape, keys of its group)."""
    generator = torch.Generator().manual_seed(1)
    kinds: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
        ("wide", (24, 40), {}),
        ("tall", (64, 16), {}),
        ("square.0", (16, 16), {}),
        ("square.1", (16, 16), {}),
        ("large", (96, 120), {}),
        ("conv", (8, 4, 3, 3), {}),
        ("experts", (3, 12, 20), {"view": "batch"}),
        ("heads", (48, 16), {"num_heads": 3}),
        ("parts", (40, 12), {"split_sizes": [24, 8, 8]}),
        ("heads_in", (16, 48), {"num_heads": 3, "split_dim": 1}),
        ("stored_in_out", (20, 12), {"transposed": True}),
        ("embedding", (32, 16), {"role": "backup"}),
        ("bias.0", (40,), {"role": "backup"}),
        ("bias.1", (16,), {"role": "backup"}),
        ("gain", (), {"role": "backup"}),
    ]
    groups = []
    for name, shape, keys in kinds:
        value = torch.randn(shape, generator=generator, dtype=torch.float64).mul(0.3).to(dtype)
        param = torch.nn.Parameter(value)
        groups.append({"params": [(name, param)], "role": "matrix", **keys})
    return groups


def run(name: str, variant: str, dtype: torch.dtype) -> str:
    options = dict(VARIANTS[variant])
    missing, cycled = options.pop("missing", False), options.pop("cycled", False)
    groups = network(dtype)
    try:
        optimizer = steepest.make(name, groups, **options)
    except (ValueError, TypeError) as error:
        return "refused: " + " ".join(str(error).split())
    params = [p for group in optimizer.param_groups for p in group["params"]]
    generator = torch.Generator().manual_seed(2)
    seen = hashlib.sha256()
    for step in range(STEPS):
        for index, param in enumerate(params):
            grad = torch.randn(param.shape, generator=generator, dtype=torch.float64)
            grad = (0.05 * grad + 0.1 * param.detach().double()).to(dtype)
            param.grad = None if missing and (step + index) % 4 == 1 else grad
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * (1 - step / STEPS) + 1e-4
            if cycled and "momentum" in group:
                group["momentum"] = 0.85 + 0.005 * step
        optimizer.step(loss=3.0 * 0.97**step + 0.01 * (step % 3))
    head = optimizer.stats()["step"]
    seen.update(json.dumps({key: head[key] for key in ("D", "q", "skipped")}).encode())
    weights = hashlib.sha256()
    for param in params:
        weights.update(raw(param.detach()))
    for index, param in enumerate(params):
        for key, value in sorted(optimizer.state.get(param, {}).items()):
            seen.update(f"{index}.{key}.{value.dtype}.{tuple(value.shape)}".encode())
            seen.update(raw(value))
    momo = optimizer.param_groups[0].get("momo")
    if momo is not None:
        seen.update(raw(momo))
    return f"params {weights.hexdigest()[:16]} state {seen.hexdigest()[:16]}"


def raw(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", default="", help="regular expression over 'recipe variant dtype'")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--part", default="1/1", help="k/n: every n-th case from the k-th")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    warnings.simplefilter("ignore")
    part, parts = (int(number) for number in chosen.part.split("/"))
    names = [row["name"] for row in json.loads(ops.catalog())]
    names += ["neon(k=4)", "fanion(k=3)-momo"]
    total, count = hashlib.sha256(), 0
    cases = [(n, v, d) for n in names for v in VARIANTS for d in DTYPES]
    for number, (name, variant, dtype) in enumerate(cases):
        label = f"{name} {variant} {str(dtype).removeprefix('torch.')}"
        if number % parts != part - 1 or not re.search(chosen.only, label):
            continue
        line = f"{label}: {run(name, variant, dtype)}"
        print(line, flush=True)
        total.update(line.encode())
        count += 1
    print(f"{count} cases: {total.hexdigest()}", file=sys.stderr)


if __name__ == "__main__":
    main()
