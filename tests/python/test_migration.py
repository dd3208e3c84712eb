# SPDX-License-Identifier: Apache-2.0
"""What to write instead of other implementations: their formulas as plain loops, against ours.

docs/migration.md shows the same arguments. Gradients and losses are seeded; distances are relative
to the way that a parameter went in 15 steps. In float64 the formulas are compared: what differs is
the order of sums, and the 1e-7 that others add to a matrix' norm of about 10 and we do not, which
Newton-Schulz carries on from 1e-8. In bfloat16, as the programs run, one rounding is 2^-9 = 2e-3,
and the iteration multiplies what is small by up to 8 a step.
"""

from __future__ import annotations

import math

import pytest
import torch
from replays import adamw, average, check, ours, plain
from torch import Tensor

import steepest

JORDAN = [(3.4445, -4.7750, 2.0315)] * 5
YOU = [
    (4.0848, -6.8946, 2.9270),
    (3.9505, -6.3029, 2.6377),
    (3.7418, -5.5913, 2.3037),
    (2.8769, -3.1427, 1.2046),
    (2.8366, -3.0525, 1.2012),
]
EXPRESS = [  # arXiv 2505.16932, five steps, deflated by 1.02 but for the last
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
]
MATRICES = {"square": (12, 12), "wide": (8, 24), "tall": (40, 10)}
REST = {"embedding": (30, 6), "bias": (17,)}
PRECISION = {torch.float64: 1e-6, torch.bfloat16: 6e-2}


def orthogonal(m: Tensor, table=JORDAN, dtype=torch.bfloat16, safety: float = 1.0) -> Tensor:
    """X <- a X + (b A + c A^2) X with A = X X^T, over the shorter side."""
    x = m.to(dtype)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / (x.norm() * safety + 1e-7)
    for a, b, c in table:
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


# -- torch.optim.Muon with torch.optim.AdamW -------------------------------------------------------


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(3)
        self.embedding = torch.nn.Embedding(20, 8)
        self.hidden = torch.nn.Sequential(torch.nn.Linear(8, 24), torch.nn.Linear(24, 8))
        self.head = torch.nn.Linear(8, 20)


def drive(optimizers, net) -> list[Tensor]:
    generator = torch.Generator().manual_seed(11)
    start = [p.detach().clone() for p in net.parameters()]
    for _ in range(20):
        for p in net.parameters():
            p.grad = torch.randn(p.shape, generator=generator)
        for optimizer in optimizers:
            optimizer.step()
    return [p.detach() - s for p, s in zip(net.parameters(), start, strict=True)]


def test_two_optimizers_of_torch_are_one_line():
    """The matrices bit for bit; AdamW's sums in another order, float32."""
    net, twin = Net(), Net()
    hidden = [p for p in net.hidden.parameters() if p.dim() == 2]
    rest = [p for p in net.parameters() if all(p is not h for h in hidden)]
    theirs = drive([torch.optim.Muon(hidden, lr=0.02), torch.optim.AdamW(rest, lr=3e-3)], net)
    found = drive([steepest.Muon(twin, lr=0.02, backup_lr=3e-3, polar="jordan")], twin)
    for (name, p), a, b in zip(net.named_parameters(), found, theirs, strict=True):
        assert torch.equal(a, b) or all(p is not h for h in hidden), name
    check(found, theirs, 1e-5, "torch")


# -- KellerJordan/Muon -----------------------------------------------------------------------------


def jordan(dtype):
    """SingleDeviceMuonWithAuxAdam: an EMA, and the scale multiplied in the matrices' precision."""

    def step(name, w, g, state, k):
        if name in REST:
            return adamw(w, g, state, k, 3e-3, (0.9, 0.95), 1e-10, 0.1)
        m = average(state, "m", g, 0.95)
        u = orthogonal((0.05 * g + 0.95 * m).reshape(len(w), -1), JORDAN, dtype)
        u = u * max(1, g.shape[-2] / g.shape[-1]) ** 0.5  # of a convolution's kernel: always 1
        w.mul_(1 - 0.02 * 0.1).sub_(0.02 * u.reshape(w.shape).to(w.dtype))

    return step


def use_muon(params):
    """Their groups, with betas and eps under the names of this package."""
    four = [p for p in params.values() if p.dim() == 4]
    groups = [
        {"params": [params[name] for name in MATRICES], "use_muon": True, "lr": 0.02},
        {"params": [params[name] for name in REST], "use_muon": False, "lr": 3e-3},
    ]
    for group in groups[1:]:
        group |= {"backup_betas": (0.9, 0.95), "backup_eps": 1e-10}
    if four:
        groups.append({"params": four, "use_muon": True, "lr": 0.02, "radius": "none"})
    return groups


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("kind", [steepest.Muon, steepest.MuonJordan])
def test_jordans_muon_with_aux_adam(kind, dtype):
    """Both rows: from zero, EMA = (1 - mu) heavy ball, and a polar factor has no scale."""
    shapes = {**MATRICES, **REST, "convolution": (8, 4, 3, 3)}
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    decay = {"weight_decay": 0.1, "backup_weight_decay": 0.1}
    make = lambda params: kind(use_muon(params), polar_dtype=dtype, **decay)
    found = ours(make, shapes, wide)
    check(found, plain(jordan(dtype), shapes, wide), PRECISION[dtype], kind.__name__)


# -- microsoft/dion: Muon --------------------------------------------------------------------------


def dion(dtype, table, safety, nesterov, radius):
    def step(name, w, g, state, k):
        if name in REST:
            return adamw(w, g, state, k, 3e-3, (0.9, 0.95), 1e-8, 0.01)
        m = state["m"] = 0.95 * state.get("m", torch.zeros_like(g)) + g
        parts = [(0.95 * m + g) if nesterov else m]
        if name == "experts":
            parts = list(parts[0])
        elif name == "qkv":
            parts = list(parts[0].split([8, 4, 4]))
        moved = [0.01 * radius(*p.shape) * orthogonal(p, table, dtype, safety) for p in parts]
        moved = torch.stack(moved) if name == "experts" else torch.cat(moved)
        w.mul_(1 - 0.01 * 0.01).sub_(moved.to(w.dtype))

    return step


# Their table and ours deflate Polar Express differently; both leave singular values within .16 of
# 1. With their own, the division by 1.02 belongs to the first polynomial.
FIRST = [x / 1.02**power for x, power in zip(EXPRESS[0], (1, 3, 5))]
FOLDED = {"polar": "custom", "polar_coefficients": FIRST + [x for row in EXPRESS[1:] for x in row]}
DION = {
    "default": (FOLDED, {"table": EXPRESS, "safety": 1.02, "nesterov": False}),
    "nesterov": (
        {**FOLDED, "nesterov": True},
        {"table": EXPRESS, "safety": 1.02, "nesterov": True},
    ),
    "our table": (
        {"polar": "polar_express"},
        {"table": EXPRESS, "safety": 1.02, "nesterov": False},
    ),
    "newton_schulz": ({"polar": "you"}, {"table": YOU, "safety": 1.0, "nesterov": False}),
}


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("case", DION)
@pytest.mark.parametrize("adjust", ["spectral_norm", "rms_norm"])
def test_dions_muon(case, adjust, dtype):
    options, theirs = DION[case]
    radius = {
        "spectral_norm": ("spectral_unclamped", lambda r, c: math.sqrt(r / c)),
        "rms_norm": ("match_rms_adamw", lambda r, c: 0.2 * math.sqrt(max(r, c))),
    }[adjust]

    def make(params):
        return steepest.MuonJordan(
            [
                {"params": [params[name] for name in MATRICES], "algorithm": "muon"},
                {"params": [params["experts"]], "algorithm": "muon", "view": "batch"},
                {"params": [params["qkv"]], "algorithm": "muon", "split_sizes": [8, 4, 4]},
                {"params": [params[name] for name in REST], "algorithm": "adamw", "lr": 3e-3},
            ],
            **{"lr": 0.01, "momentum": 0.95, "weight_decay": 0.01, "nesterov": False, **options},
            **{"backup_betas": (0.9, 0.95), "backup_eps": 1e-8},
            radius=radius[0],
            polar_steps=5,
            polar_dtype=dtype,
        )

    shapes = {**MATRICES, **REST, "experts": (3, 8, 12), "qkv": (16, 8)}
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    expected = plain(dion(dtype, radius=radius[1], **theirs), shapes, wide)
    near = 0.1 if case == "our table" else PRECISION[dtype]
    check(ours(make, shapes, wide), expected, near, f"dion {case} {adjust}")


def test_what_dion_has_and_we_do_not_is_refused():
    lion = {"params": [torch.nn.Parameter(torch.ones(3))], "algorithm": "lion"}
    with pytest.raises(ValueError, match='algorithm: received "lion", allowed muon, adamw'):
        steepest.MuonJordan([lion])


# -- LIONS-EPFL/scion ------------------------------------------------------------------------------


def scion(dtype, unconstrained):
    """Spectral, SpectralConv, Sign, ColNorm(transpose), RowNorm and BiasRMS; momentum=0.1."""

    def lmo(name, d):
        rows, columns = d.shape[0], d[0].numel()
        if name == "head":
            return 3000 / columns * d.sign()
        if name == "embedding":  # stored (tokens, width): a token's row is normalised
            return math.sqrt(columns) * d / (d.norm(dim=1, keepdim=True) + 1e-8)
        if name == "rows":
            return d / (math.sqrt(columns) * d.norm(dim=1, keepdim=True) + 1e-8)
        if name == "bias":
            return d / (d.square().mean().sqrt() + 1e-8)
        kernel = d[0][0].numel() if d.dim() == 4 else 1
        scale = 50 * math.sqrt(rows / (columns / kernel)) / kernel
        return scale * orthogonal(d.reshape(rows, -1), JORDAN, dtype).reshape(d.shape).to(d.dtype)

    def step(name, w, g, state, k):
        d = average(state, "d", g, 1 - 0.1)
        w.mul_(1 if unconstrained else 1 - 2**-10).sub_(2**-10 * lmo(name, d))

    return step


@pytest.mark.parametrize("dtype", PRECISION)
@pytest.mark.parametrize("unconstrained", [False, True])
def test_scion_of_lions(unconstrained, dtype):
    def make(params):
        one = {"role": "matrix", "radius": "scion"}
        hidden = [*(params[name] for name in MATRICES), params["convolution"]]
        groups = [
            {"params": hidden, "role": "matrix"},
            {"params": [params["head"]], "role": "backup"},
            {"params": [params["embedding"]], **one, "norm": "column", "transposed": True},
            {"params": [params["rows"]], **one, "norm": "row"},
            {
                "params": [params["bias"]],
                "role": "backup",
                "backup": "l2",
                "backup_radius": "scion",
            },
        ]
        decay = {"weight_decay": 0} if unconstrained else {}
        return steepest.ScionLions(groups, lr=2**-10, momentum=0.9, polar_dtype=dtype, **decay)

    shapes = {**MATRICES, **REST, "convolution": (8, 4, 3, 3), "head": (20, 10), "rows": (9, 5)}
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    check(
        ours(make, shapes, wide),
        plain(scion(dtype, unconstrained), shapes, wide),
        PRECISION[dtype],
        "scion",
    )
