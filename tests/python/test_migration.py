# SPDX-License-Identifier: Apache-2.0
"""What to write instead of other implementations: their formulas as plain loops, against ours.

docs/migration.md shows the same arguments. Gradients and losses are seeded. In float64 nothing but
the order of sums differs, so 1e-9 is a test of the formulas; in bfloat16, in which the programs
below orthogonalise, one rounding of an update is 2^-9 of it and the iteration carries it on, so
there the distance is stated in units of the whole way that a parameter went.
"""

from __future__ import annotations

import math

import pytest
import torch
from networks import furthest
from torch import Tensor

import steepest

STEPS = 15
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
PRECISION = {torch.float64: 1e-9, torch.bfloat16: 2e-2}


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


def problem(shapes, dtype=torch.float32):
    """Parameters, STEPS gradients of each, and losses that fall from 3 to below 0."""
    generator = torch.Generator().manual_seed(7)
    make = lambda shape: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
    params = {name: make(shape) for name, shape in shapes.items()}
    grads = [{name: make(shape) for name, shape in shapes.items()} for _ in range(STEPS)]
    return params, grads, torch.linspace(3, -0.5, STEPS, dtype=torch.float64).tolist()


def ours(make, shapes, dtype=torch.float32) -> list[Tensor]:
    """How far the parameters went with the optimizer of make({name: parameter})."""
    start, grads, losses = problem(shapes, dtype)
    params = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    optimizer = make(params)
    optimizers = optimizer if isinstance(optimizer, list) else [optimizer]
    for grad, loss in zip(grads, losses, strict=True):
        for name, param in params.items():
            param.grad = grad[name].clone()
        for each in optimizers:
            each.observe(loss) if isinstance(each, steepest.catalog.Engine) else None
            each.step()
    return [params[name].detach() - start[name] for name in shapes]


def plain(step, shapes, dtype=torch.float32) -> list[Tensor]:
    """The same with step(name, w, g, state, k), which moves w in place at step k = 1, 2, .."""
    start, grads, _ = problem(shapes, dtype)
    params = {name: value.clone() for name, value in start.items()}
    states = {name: {} for name in shapes}
    for k, grad in enumerate(grads, 1):
        for name, w in params.items():
            step(name, w, grad[name], states[name], k)
    return [params[name] - start[name] for name in shapes]


def average(state, key: str, x, beta: float):
    """beta a + (1 - beta) x from zero."""
    state[key] = beta * state.get(key, torch.zeros_like(x)) + (1 - beta) * x
    return state[key]


def adamw(w, g, state, k, lr, betas, eps, decay) -> None:
    m = average(state, "m", g, betas[0]) / (1 - betas[0] ** k)
    v = average(state, "v", g * g, betas[1]) / (1 - betas[1] ** k)
    w.mul_(1 - lr * decay).sub_(lr * m / (v.sqrt() + eps))


def check(found, expected, tolerance, what) -> None:
    worst = furthest(found, expected)
    print(what, f"{worst:.2e}")
    assert worst <= tolerance, what


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
    found = drive([steepest.Muon(twin, lr=0.02, backup_lr=3e-3)], twin)
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


DION = {
    "default": ({}, {"table": EXPRESS, "safety": 1.02, "nesterov": False}),
    "nesterov": ({"nesterov": True}, {"table": EXPRESS, "safety": 1.02, "nesterov": True}),
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
        names = {**MATRICES}
        return steepest.MuonJordan(
            [
                {"params": [params[name] for name in names], "algorithm": "muon"},
                {"params": [params["experts"]], "algorithm": "muon", "view": "batch"},
                {"params": [params["qkv"]], "algorithm": "muon", "split_sizes": [8, 4, 4]},
                {"params": [params[name] for name in REST], "algorithm": "adamw", "lr": 3e-3},
            ],
            **{"lr": 0.01, "momentum": 0.95, "nesterov": False, "weight_decay": 0.01},
            **{"polar": "polar_express", "polar_steps": 5, "polar_dtype": dtype, **options},
            **{"radius": radius[0], "backup_betas": (0.9, 0.95), "backup_eps": 1e-8},
        )

    shapes = {**MATRICES, **REST, "experts": (3, 8, 12), "qkv": (16, 8)}
    wide = torch.float32 if dtype == torch.bfloat16 else dtype
    expected = plain(dion(dtype, radius=radius[1], **theirs), shapes, wide)
    check(ours(make, shapes, wide), expected, PRECISION[dtype], f"dion {case} {adjust}")


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
