# SPDX-License-Identifier: Apache-2.0
"""Every norm and class at every scale, dtype and layout of memory; steps that leave the range."""

import pytest
import torch

import steepest

NORMS = [
    "spectral",
    "nuclear",
    "ky_fan(k=2)",
    "f_star",
    "schatten(p=4)",
    "frobenius",
    "l2",
    "inf",
    "row",
    "column",
    "0.5*spectral+0.5*frobenius",
]
LAYOUTS = {
    "contiguous": lambda x: x,
    "transposed": lambda x: x.mT.contiguous().mT,
    "strided": lambda x: torch.stack([x, x], -1)[..., 0],
}
LOWEST = {torch.float32: -126, torch.bfloat16: -126, torch.float16: -14, torch.float64: -1000}
HIGHEST = {torch.float32: 126, torch.bfloat16: 126, torch.float16: 14, torch.float64: 1000}


@pytest.mark.parametrize("dtype", list(LOWEST))
@pytest.mark.parametrize("norm", NORMS)
def test_directions_do_not_depend_on_the_scale_or_the_layout(norm, dtype):
    x = torch.randn(24, 16, dtype=torch.float64)
    x = (x.sign() * (0.5 + x.abs() / x.abs().max())).to(dtype)  # no entry far below the others
    tol = 1e-5 if dtype in (torch.float32, torch.float64) else 2e-2
    plain = steepest.steepest(x, norm, polar="svd", svd="exact")
    for power in (LOWEST[dtype], LOWEST[dtype] // 2, HIGHEST[dtype]):
        scaled = (x.double() * 2.0**power).to(dtype)
        for name, layout in LAYOUTS.items():
            s, dual = steepest.steepest(layout(scaled), norm, polar="svd", svd="exact")
            off = (s.double() - plain.direction.double()).abs().max()
            assert off <= tol * plain.direction.double().abs().max() + 1e-3 * tol, (power, name)
            assert dual * 2.0**-power == pytest.approx(float(plain.dual), rel=tol), (power, name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_small_gradients_move_normalized_weights(dtype):
    for layout in LAYOUTS.values():
        w = torch.nn.Parameter(layout(torch.zeros(8, 6, dtype=dtype)))
        optimizer = steepest.NormalizedSGD([w], lr=0.5, momentum=0.0)
        w.grad = layout(torch.full((8, 6), 1e-25, dtype=dtype))
        optimizer.step()
        assert float(w.detach().double().norm()) == pytest.approx(0.5, rel=2e-2)


@pytest.mark.parametrize("name", ["polargrad", "muonmax", "neon", "f-star", "sgd"])
def test_only_the_update_need_be_representable(name):
    gradient = torch.randn(6, 4)
    gradient *= 8e37 / gradient.abs().max()

    def moved(scale):
        w = torch.nn.Parameter(torch.zeros(6, 4))
        optimizer = steepest.make(name, [w], lr=1e-3 / scale, momentum=0.0)
        w.grad = gradient * (scale / 8e37)
        optimizer.step()
        return w.detach().double()

    large, small = moved(8e37), moved(1.0)
    assert torch.isfinite(large).all() and large.abs().max() > 0
    assert torch.allclose(large, small, rtol=1e-4, atol=1e-6 * float(small.abs().max()))


@pytest.mark.parametrize("name", ["muon", "polargrad", "muonmax", "sgd", "adamw", "neon", "scion"])
def test_a_step_that_would_leave_the_range_changes_nothing(name):
    w = torch.nn.Parameter(torch.randn(6, 4))
    optimizer = steepest.make(name, [w], lr=1e-2, nonfinite="skip")
    w.grad = torch.randn(6, 4)
    optimizer.step()
    before, state = w.detach().clone(), optimizer.state_dict()["state"]
    kept = {k: {n: torch.as_tensor(t).clone() for n, t in s.items()} for k, s in state.items()}
    optimizer.param_groups[0]["lr"] = 1e41
    w.grad = torch.full((6, 4), 1e38)
    optimizer.step()
    assert optimizer.stats()["step"]["skipped"] == 1
    assert torch.equal(w, before)
    now = optimizer.state_dict()["state"]
    for key, entries in kept.items():
        for entry, value in entries.items():
            assert torch.equal(torch.as_tensor(now[key][entry]), value), entry


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.int32])
def test_other_dtypes_are_refused_in_one_line(dtype):
    x = torch.ones(4, 3).to(dtype)
    for refused in (
        lambda: steepest.steepest(x, "frobenius"),
        lambda: steepest.steepest(x, "nuclear"),
        lambda: steepest.polar(x),
        lambda: steepest.svd(x, 1),
    ):
        with pytest.raises(ValueError, match="received .*allowed") as caught:
            refused()
        assert "\n" not in str(caught.value).split("Exception raised")[0].strip()
