# SPDX-License-Identifier: Apache-2.0
"""Shampoo, SOAP and their kin beside loops written from their papers, 20 steps in float64."""

from __future__ import annotations

import pytest
import torch
from plain_curvature import EPS, B, KlShampoo, KlSoap, Shampoo, Soap
from plain_family import SHAPES, compare, polar

import steepest

FIRST = {"start": "first", "momentum": B, "beta2": B}
SQUARE = ((5, 5), (4, 4), (6, 6))  # of a long side's factor the basis is not unique
CORRECTED = {"start": "corrected", "momentum": B, "beta2": B}
GRAFTED = {"update": "constrained", "outer": "max", "backup": "ada_inf"}
CASES = {
    "shampoo": (
        "shampoo",
        lambda i: Shampoo(i),
        {"norm": "shampoo(refresh=3)", **FIRST},
    ),
    "its correction": (
        "shampoo",
        lambda i: Shampoo(i, corrected=True),
        {"norm": "shampoo(refresh=3)", **CORRECTED},
    ),
    "asgo": (
        "asgo",
        lambda i: Shampoo(i, power=0.5, sides="short", refresh=10, corrected=True),
        CORRECTED,
    ),
    "sums": (
        "shampoo",
        lambda i: Shampoo(i, sums=True, graft="adagrad"),
        {"norm": "shampoo(refresh=3,accumulate=sum,graft=adagrad)", **GRAFTED, **FIRST},
    ),
    "graft sgd": (
        "shampoo",
        lambda i: Shampoo(i, graft="sgd"),
        {"norm": "shampoo(refresh=3,graft=sgd)", **GRAFTED, **FIRST},
    ),
    "graft adam": (
        "shampoo",
        lambda i: Shampoo(i, graft="adam", corrected=True),
        {"norm": "shampoo(refresh=3,graft=adam)", **GRAFTED, **CORRECTED},
    ),
    "graft rmsprop": (
        "shampoo",
        lambda i: Shampoo(i, graft="rmsprop", corrected=True),
        {"norm": "shampoo(refresh=3,graft=rmsprop)", **GRAFTED, **CORRECTED},
    ),
    "kl-shampoo": (
        "kl-shampoo",
        KlShampoo,
        {"norm": "kl_shampoo(refresh=3)", "shapes": SQUARE, **CORRECTED},
    ),
    "kl-soap": (
        "kl-soap",
        KlSoap,
        {"norm": "soap(kl=true,refresh=3)", "eps": EPS, "shapes": SQUARE, **CORRECTED},
    ),
    "soap": ("soap", Soap, {"norm": "soap(refresh=3)", "eps": EPS, "shapes": SQUARE, **CORRECTED}),
    "soap of one side": (
        "soap",
        lambda i: Soap(i, "short"),
        {"norm": "soap(refresh=3,sides=short)", "eps": EPS, **CORRECTED},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_is_its_papers_loop(case):
    name, plain, options = CASES[case]
    worst, _ = compare(name, plain, **options)
    print(f"{case}: {worst:.1e}")
    assert worst < 1e-9


@pytest.mark.parametrize("case", ["shampoo", "graft sgd", "sums"])
def test_a_row_takes_the_step_that_momo_allows(case):
    name, plain, options = CASES[case]
    worst, q = compare(f"{name}-momo", plain, momo=0.1, lr=0.1, **options)
    print(f"{case}: {worst:.1e}, smallest q {q:.2f}")
    assert worst < 1e-9
    assert q < 0.9


def weight(shape, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.Parameter(torch.randn(shape, generator=generator).to(dtype))


def stepped(name, shape, gradients, dtype=torch.float64, **options):
    """The weights before and after the steps, and the optimizer."""
    w = weight(shape, dtype=dtype)
    before = w.detach().clone()
    optimizer = steepest.make(name, [{"params": [w], "role": "matrix"}], lr=0.1, **options)
    for g in gradients:
        w.grad = g
        optimizer.step()
    return before, w.detach(), optimizer


@pytest.mark.parametrize("shape", SHAPES)
def test_shampoo_of_one_gradient_is_its_polar_factor(shape):
    g = weight(shape, 1).detach()
    options = {"norm": "shampoo(eps=0)", "momentum": 0, "beta2": 0, "weight_decay": 0}
    before, after, _ = stepped("shampoo", shape, [g], **options)
    if shape[0] != shape[1]:  # eps keeps the long side's null space, which g has no part in, finite
        options["norm"] = "shampoo(eps=1e-15)"
        before, after, _ = stepped("shampoo", shape, [g], **options)
    assert (before - after - 0.1 * polar(g)).abs().max() < 1e-9


def test_shampoomax_moves_by_the_sum_of_all_duals():
    loops = [Shampoo(i, corrected=True) for i in range(2)]
    shapes = ((4, 6), (5, 5))
    params = [weight(s, i) for i, s in enumerate(shapes)]
    plain = [p.detach().clone() for p in params]
    optimizer = steepest.make(
        "shampoomax",
        [{"params": params, "role": "matrix"}],
        lr=0.02,
        norm="shampoo(refresh=3)",
        **CORRECTED,
    )
    for step in range(1, 21):
        gradients = [weight(s, 10 * step + i).detach() for i, s in enumerate(shapes)]
        answers = [
            loop.direction(g, w, step) for loop, g, w in zip(loops, gradients, plain, strict=True)
        ]
        duals = [(u * x).sum().sqrt() for u, x in answers]
        plain = [
            w - 0.02 * sum(duals) * x / d
            for w, (_, x), d in zip(plain, answers, duals, strict=True)
        ]
        for p, g in zip(params, gradients, strict=True):
            p.grad = g
        optimizer.step()
    worst = max((p - w).abs().max() for p, w in zip(params, plain, strict=True))
    assert worst < 1e-9


def turned(u, state):
    """Q_L^T u Q_R of the eigenbases in a state."""
    left, right = (state[f"{side}_eigenvectors"] for side in ("left", "right"))
    return left.view(len(u), -1).mT @ u @ right.view(u.shape[1], -1)


@pytest.mark.parametrize("norm", ["soap(refresh=3)", "soap(kl=true,refresh=3)"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"momentum": 0},
        {"momentum_form": "heavy_ball", "start": "zero", "backup_start": "zero"},
        {"decoupled_weight_decay": False},
    ],
    ids=str,
)
def test_the_turned_momentum_is_the_momentum_in_the_eigenbases(norm, options):
    gradients = [weight((6, 4), i).detach() for i in range(9)]
    for count in range(1, len(gradients) + 1):
        *_, optimizer = stepped("soap", (6, 4), gradients[:count], norm=norm, **options)
        (w,) = optimizer.param_groups[0]["params"]
        state = optimizer.state[w]
        found = [state[key] for key in ("exp_avg", "momentum_buffer") if key in state]
        u = found[0] if found else torch.zeros_like(w)  # no momentum, and nothing to turn
        assert (state["exp_avg_in_basis"] - turned(u, state)).abs().max() < 1e-13


def test_the_momentum_is_turned_where_the_norm_looks_ahead():
    """And goes on where a run changes that."""
    w = weight((6, 4))
    optimizer = steepest.SOAP([{"params": [w], "role": "matrix"}], lr=0.1, norm="soap(refresh=4)")
    for step, nesterov in enumerate((True, True, False, False, True, False)):
        optimizer.param_groups[0]["nesterov"] = nesterov
        w.grad = weight((6, 4), step).detach()
        optimizer.step()
        state = optimizer.state[w]
        assert (state["exp_avg_in_basis"] - turned(state["exp_avg"], state)).abs().max() < 1e-13


NORMS = [
    "shampoo",
    "shampoo(graft=adam)",
    "shampoo(power=0.5,sides=short)",
    "kl_shampoo",
    "soap",
    "soap(kl=true)",
    "soap(vectors=true)",
]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("shape", [(5, 4), (1, 6), (6, 1), (1, 1)])
def test_a_gradient_that_is_zero_moves_nothing_and_the_next_one_does(norm, shape):
    zero = torch.zeros(shape, dtype=torch.float64)
    before, after, optimizer = stepped("soap", shape, [zero], norm=norm, weight_decay=0)
    assert torch.equal(before, after)
    (w,) = optimizer.param_groups[0]["params"]
    w.grad = weight(shape, 3).detach()
    optimizer.step()
    assert torch.isfinite(w).all()
    assert not torch.equal(w, before)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_gradient_that_is_no_number_is_passed_on(norm, value):
    gradients = [weight((5, 4), i).detach() for i in range(3)]
    gradients[1][2, 3] = value
    norm = norm[:-1] + ",refresh=1)" if norm.endswith(")") else norm + "(refresh=1)"
    _, after, _ = stepped("soap", (5, 4), gradients, norm=norm)
    assert after.isnan().any()


@pytest.mark.parametrize("norm", NORMS)
def test_half_precision_weights_follow_those_in_float64(norm):
    gradients = [weight((6, 5), i).detach().bfloat16() for i in range(4)]
    _, half, _ = stepped("soap", (6, 5), gradients, torch.bfloat16, norm=norm)
    start = weight((6, 5), dtype=torch.bfloat16).double()
    w = torch.nn.Parameter(start)
    optimizer = steepest.make("soap", [{"params": [w], "role": "matrix"}], lr=0.1, norm=norm)
    for g in gradients:
        w.grad = g.double()
        optimizer.step()
    assert half.dtype == torch.bfloat16
    assert (half.double() - w).abs().max() < 0.3


@pytest.mark.parametrize("norm", NORMS)
def test_a_state_goes_on_where_it_was_saved(norm):
    norm = norm[:-1] + ",refresh=2)" if norm.endswith(")") else norm + "(refresh=2)"
    gradients = [weight((5, 4), i).detach() for i in range(6)]
    _, whole, _ = stepped("soap", (5, 4), gradients, norm=norm)
    _, half, optimizer = stepped("soap", (5, 4), gradients[:3], norm=norm)
    w = torch.nn.Parameter(half.clone())
    other = steepest.make("soap", [{"params": [w], "role": "matrix"}], lr=0.1, norm=norm)
    other.load_state_dict(optimizer.state_dict())
    for g in gradients[3:]:
        w.grad = g
        other.step()
    assert torch.equal(w, whole)


def test_no_step_refreshes_all_matrices():
    params = [weight((4, 4), i) for i in range(6)]
    optimizer = steepest.make(
        "shampoo", [{"params": params, "role": "matrix"}], lr=0.1, norm="shampoo(refresh=3)"
    )
    changed = []
    for step in range(1, 8):
        before = [optimizer.state[p].get("left_inverse_power") for p in params]
        before = [None if x is None else x.clone() for x in before]
        for i, p in enumerate(params):
            p.grad = weight((4, 4), 10 * step + i).detach()
        optimizer.step()
        after = [optimizer.state[p]["left_inverse_power"] for p in params]
        changed.append(
            sum(x is None or not torch.equal(x, y) for x, y in zip(before, after, strict=True))
        )
    assert changed == [6, 2, 2, 2, 2, 2, 2]


def test_vectors_get_a_basis_where_they_are_asked_to():
    p = weight((6,))
    optimizer = steepest.make(
        "soap", [{"params": [p], "role": "backup"}], lr=0.1, backup="soap(vectors=true)"
    )
    p.grad = weight((6,), 1).detach()
    optimizer.step()
    assert sorted(x for x in optimizer.state[p] if "eigenvectors" in x) != []


def test_a_wrong_argument_is_answered_in_one_line():
    for norm in ("shampoo(graft=lion)", "soap(sides=top)", "shampoo(power=2)"):
        with pytest.raises(ValueError, match="graft|sides|power"):
            steepest.make("soap", [weight((4, 4))], norm=norm)


@pytest.mark.parametrize("name", ["soap", "kl-soap"])
@pytest.mark.parametrize("shape", [(16, 16), (24, 16), (16, 40)])
def test_the_first_step_in_float32_is_that_in_float64(name, shape):
    """Beside the diagonal the first gradient has nothing in its own basis but rounding errors."""
    g = torch.randn(shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    moved = []
    for dtype in (torch.float32, torch.float64):
        p = torch.nn.Parameter(torch.zeros(shape, dtype=dtype))
        optimizer = steepest.make(name, [p], lr=1.0, weight_decay=0.0)
        p.grad = g.to(dtype)
        optimizer.step()
        moved.append(p.detach().double())
    assert float((moved[0] - moved[1]).norm() / moved[1].norm()) < 0.15
