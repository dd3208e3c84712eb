# SPDX-License-Identifier: Apache-2.0
"""What a step asks of an accelerator, counted without one: a table of launches, by kind.

    STEEPEST_TOOLS=build/tests python benchmarks/launches.py [--width 48] [ROW ..]

The device is the stand-in of tests/standin, whose operators are the CPU's. It counts an operator as
one launch, and the lists that torch gives to one kernel of CUDA (_foreach_) as one, too; views are
free. Launches do not depend on the width, which is a sixteenth of GPT-2 small's here, so that a
second is enough. Read are numbers for which the host waits, sent are tensors of the host.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from torch import nn

from steepest.catalog import CLASSES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "python"))
import standin  # noqa: E402

KINDS = ("products", "lists", "copies", "reductions", "other")
NAMES = {
    "products": ("bmm", "baddbmm", "mm", "addmm", "linalg_qr", "_linalg_eigh", "_linalg_svd"),
    "copies": ("copy_", "cat", "stack", "index_select", "index_copy", "gather", "fill_", "zero_"),
    "reductions": ("sum", "linalg_vector_norm", "mean", "max", "amax", "norm"),
}


class Block(nn.Module):
    """The twelve tensors of a transformer block as GPT-2 has them."""

    def __init__(self, width: int, *, bias: bool = True) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = (nn.LayerNorm(width) for _ in range(2)) if bias else (None, None)
        self.attn = nn.ModuleDict(
            {"c_attn": nn.Linear(width, 3 * width, bias), "c_proj": nn.Linear(width, width, bias)}
        )
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(width, 4 * width, bias),
                "c_proj": nn.Linear(4 * width, width, bias),
            }
        )


def gpt2(width: int) -> nn.Module:
    """GPT-2 small's 148 tensors, of another width."""
    return nn.ModuleDict(
        {
            "wte": nn.Embedding(60 * width, width),
            "wpe": nn.Embedding(width, width),
            "h": nn.ModuleList(Block(width) for _ in range(12)),
            "ln_f": nn.LayerNorm(width),
        }
    )


def blocks(width: int) -> nn.Module:
    """The 48 matrices of twelve equal blocks."""
    return nn.ModuleList(Block(width, bias=False) for _ in range(12))


def kind_of(operator: str) -> str:
    """The column of the table where a launch belongs."""
    name = operator.removeprefix("launch ").removeprefix("aten::")
    if name.startswith("_foreach") or name.startswith("_fused"):
        return "lists"
    return next((kind for kind, names in NAMES.items() if name in names), "other")


def counts_of(model: nn.Module, make: Callable[[nn.Module], torch.optim.Optimizer]) -> dict:
    """The events of the third step, and the launches of each kind."""
    params, optimizer = list(model.parameters()), make(model)
    momo = optimizer.param_groups[0].get("step_size") == "momo"
    loss = torch.ones((), device=standin.load())
    for _ in range(3):
        for p in params:
            p.grad = torch.randn(p.shape).to(p)
        counts = standin.counted(lambda: optimizer.step(loss=loss) if momo else optimizer.step())
    launched = {name: n for name, n in counts.items() if name.startswith("launch ")}
    by_kind = dict.fromkeys(KINDS, 0)
    for name, n in launched.items():
        by_kind[kind_of(name)] += n
    return {**{event: counts[event] for event in standin.KINDS}, **by_kind}


def matrices(model: nn.Module) -> list[nn.Parameter]:
    """What torch.optim.Muon takes."""
    return [p for p in model.parameters() if p.dim() == 2]


def rows(wanted: Iterable[str]) -> dict[str, Callable[[nn.Module], torch.optim.Optimizer]]:
    """What is counted: rows of the catalog, Momo forms ("muon-momo"), and torch's own."""
    peers = {
        "torch.optim.Muon": lambda model: torch.optim.Muon(matrices(model), lr=0.02),
        "torch.optim.AdamW, foreach": lambda model: torch.optim.AdamW(
            model.parameters(), lr=1e-3, foreach=True
        ),
    }

    def own(name: str) -> Callable[[nn.Module], torch.optim.Optimizer]:
        size = {"step_size": "momo"} if name.endswith("-momo") else {}
        return lambda model: CLASSES[name.removesuffix("-momo")](model, lr=0.02, **size)

    return {**{name: own(name) for name in wanted}, **peers}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("rows", nargs="*", help="of the catalog; default: the most used")
    parser.add_argument("--width", type=int, default=48, help="of the model; GPT-2 small: 768")
    given = parser.parse_args()
    wanted = given.rows or [
        *("muon", "muon-momo", "muonmax", "muonmax-momo", "scion", "normuon", "soap", "adamw")
    ]
    device = standin.load()
    for title, model in (("GPT-2 small, 148 tensors", gpt2), ("12 equal blocks, 48", blocks)):
        print(f"\n{title}\n{'':28}launches", *(f"{k:>10}" for k in KINDS), " read  sent")
        for name, make in rows(wanted).items():
            c = counts_of(model(given.width).to(device), make)
            numbers = " ".join(f"{c[k]:10}" for k in KINDS)
            print(f"{name:28}{c['launch']:8} {numbers} {c['host_read']:5} {c['upload']:5}")


if __name__ == "__main__":
    main()
