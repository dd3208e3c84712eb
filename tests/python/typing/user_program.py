# SPDX-License-Identifier: Apache-2.0
"""A user's program that touches what the package exports: test_typing.py checks its types.

It runs, too: ``main()`` trains a small network with every class.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from typing_extensions import assert_type

import steepest


def build() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4)
    )


def loss_of(model: nn.Module) -> Tensor:
    out = cast(Tensor, model(torch.ones(2, 8)))  # a module's call is Any in torch
    return out.square().mean()


def every_class() -> list[Optimizer]:
    """One optimizer of each class, with an option or two that are its own."""
    return [
        steepest.SGD(build(), lr=0.1, momentum=0.9, nesterov=True),
        steepest.AdaMuon(build(), rescale="adamuon(rms=0.2)", radius="none"),
        steepest.Adam(build().parameters(), lr=1e-3, betas=(0.9, 0.99), eps=1e-8),
        steepest.AdamH(build(), lr=0.01),
        steepest.AdamW(build().named_parameters(), lr=torch.tensor(1e-3), weight_decay=0.1),
        steepest.Aurora(build(), norm="aurora(passes=4)"),
        steepest.FMuon(build(), lr=0.02),
        steepest.FNeon(build(), lr=0.02),
        steepest.FStar(build(), lr=0.02),
        steepest.Fanion(build(), lr=0.02, rank=2),
        steepest.Lion(build(), betas=(0.9, 0.95), weight_decay=0.1),
        steepest.Muon(build(), lr=0.02, backup_lr=1e-3, adjust_lr_fn="match_rms_adamw"),
        steepest.MuonAdam(build(), backup_betas=(0.9, 0.95)),
        steepest.MuonEq(build(), norm="muoneq(sides=both)"),
        steepest.MuonH(build(), lr=0.01),
        steepest.MuonJordan(build(), polar="svd", nesterov=False),
        steepest.MuonMax(build(), momentum_dtype=torch.float32),
        steepest.MuonPlus(build(), rescale="muon_plus(scale=paper)"),
        steepest.MuonSquared(build(), norm="muon_squared(form=metric)"),
        steepest.Muown(build(), geometry="muown(lr=0.5)"),
        steepest.Neon(build(), rank=1),
        steepest.NorMuon(build(), rescale="normuon(rms=0.2)"),
        steepest.NormalizedSGD(build(), nonfinite="skip"),
        steepest.OrthogonalSGDM(build(), foreach=False),
        steepest.PolarGrad(build(), maximize=False),
        steepest.SOAP(build(), norm="soap(refresh=2)"),
        steepest.SOAPMuon(build(), norm="soap_muon(refresh=10)"),
        steepest.SMuon(build()),
        steepest.Scion(build(), radius=50.0, backup_radius="3000*scion"),
        steepest.ScionLions(build(), momentum=0.9),
        steepest.SignSGD(build(), weight_decay=0.1, decay="cautious"),
        steepest.Signum(build(), momentum=0.95),
        steepest.SteepestDescent(build(), lr=0.02, norm="spectral", outer="l2", polar_steps=6),
        steepest.make("neon(k=4)", build(), lr=0.02),
    ]


def train_with_momo(model: nn.Module) -> float:
    """A step of each kind under Momo, and what the step and observe return."""
    optimizer = steepest.MuonMax(model, step_size="momo", f_star="auto")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(model)
        torch.autograd.backward(loss)
        return loss

    last = assert_type(optimizer.step(closure), Tensor)
    assert_type(optimizer.zero_grad(set_to_none=True), None)
    observed = assert_type(optimizer.observe(loss_of(model)), Tensor)
    torch.autograd.backward(observed)
    assert_type(optimizer.step(), None)
    optimizer.zero_grad()
    loss = loss_of(model)
    torch.autograd.backward(loss)
    assert_type(optimizer.step(loss=loss), None)
    return last.item() + assert_type(optimizer.observe(0.5, weight=2), float)


def step_with(optimizer: steepest.Scion, closure: Callable[[], float] | None) -> float | None:
    """As trainers of other libraries call it."""
    return assert_type(optimizer.step(closure), "float | None")


def schedule(optimizer: steepest.SteepestDescent | steepest.Muon, steps: int) -> list[float]:
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    rates: list[float] = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        rates += [float(cast(float, group["lr"])) for group in optimizer.param_groups]
    return rates


def route_and_group(model: nn.Module) -> steepest.Muon:
    routes = steepest.route(model, backup=["4.*"], frozen=True)
    reasons: dict[str, str] = routes.reasons
    rows = [(row.name, row.role, row.layout) for row in routes.rows]
    assert len(rows) == len(reasons) + len(routes.skipped)
    optimizer = steepest.Muon(routes, lr=0.02)
    optimizer.add_param_group({"params": nn.Linear(4, 4).parameters(), "lr": 0.01})
    return optimizer


def wrappers(model: nn.Module) -> int:
    """A step with all that goes around an optimizer of any kind."""
    average = steepest.TailAverage(model, decay=0.9, start=1)
    optimizer = steepest.EMANesterov(torch.optim.SGD(model.parameters(), lr=0.1), look=0.3)
    optimizer.look_ahead()
    torch.autograd.backward(loss_of(model))
    optimizer.step()
    average.update(model)
    with average.swapped(model) as averaged:
        loss_of(assert_type(averaged, nn.Module))
    clip = steepest.QKClip(nn.MultiheadAttention(8, 2), tau=50)
    largest: dict[str, Tensor] = clip.largest()
    clip.load_state_dict(clip.state_dict())
    return assert_type(clip.clip(), int) + len(largest)


def save_and_load(optimizer: steepest.SignSGD, again: steepest.SignSGD) -> None:
    again.load_state_dict(optimizer.state_dict())


def main() -> None:
    for optimizer in every_class():
        for group in optimizer.param_groups:
            for p in cast("list[Tensor]", group["params"]):
                p.grad = torch.ones_like(p)
        optimizer.step()
        optimizer.zero_grad()
    model = build()
    assert train_with_momo(model) > 0
    assert step_with(steepest.Scion(model), lambda: 0.5) == 0.5
    muon = route_and_group(model)
    torch.autograd.backward(loss_of(model))
    assert schedule(muon, 2)
    assert wrappers(build()) == 0
    save_and_load(steepest.SignSGD(model), steepest.SignSGD(model))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        steepest.save(muon, path)
        steepest.load(muon, str(path))
    stats = muon.stats()
    dual = assert_type(stats["step"]["D"], "float | None")
    sizes = [row["update_rms"] for row in stats["parameters"].values()]
    print(dual, stats["step"]["nonfinite"], sizes)
    matrix = torch.randn(4, 3)
    direction: Tensor = steepest.polar(matrix)
    triplets: steepest.Triplets = steepest.svd(matrix, 2)
    answer: steepest.Steepest = steepest.steepest(matrix, "spectral")
    print(direction.shape, triplets, answer, steepest.workspace_bytes())


if __name__ == "__main__":
    main()
