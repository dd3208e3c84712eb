# SPDX-License-Identifier: Apache-2.0
"""Options: what is refused, what a group may override, what the functions say."""

from types import SimpleNamespace

import pytest
import torch
from networks import furthest, make_net, same, step_with, train, weights

import steepest
from steepest import catalog

# -- options ---

REFUSED = [
    ({"norm": "spectrum"}, 'received "spectrum"'),
    ({"lr": -1.0}, "lr: received -1"),
    ({"lr": float("nan")}, "lr: received nan"),
    ({"momentum": 1.0}, "momentum: received 1"),
    ({"outer": "sum"}, 'outer: received "sum", allowed max, l2, hybrid'),
    ({"polar_steps": 0}, "steps: received 0"),
    ({"f_star": "none"}, 'f_star: received "none", allowed a number or "auto"'),
    ({"step_size": "momo", "backup_betas": (0.5, 0.9)}, "share one momentum"),
    ({"step_size": "momo", "maximize": True}, "maximize: received True with step_size momo"),
    ({"radius": "-1"}, 'radius: received "-1"'),
    ({"weight_decay": float("inf")}, "weight_decay: received inf"),
    ({"backup_lr": -1}, "backup_lr: received -1"),
]


@pytest.mark.parametrize("options, words", REFUSED)
def test_bad_options_are_refused_in_one_line(options, words):
    with pytest.raises(ValueError, match=words) as error:
        steepest.SteepestDescent([torch.zeros(3, 3), torch.zeros(3)], **options)
    assert "\n" not in str(error.value)
    assert "C++" not in str(error.value)


@pytest.mark.parametrize("flag", ["fused", "differentiable"])
def test_what_no_class_has_is_refused_as_torch_does(flag):
    with pytest.raises(RuntimeError, match=f"`{flag}=True` is not supported"):
        steepest.Muon([torch.zeros(3, 3)], **{flag: True})


def test_an_unknown_option_or_name_is_refused():
    with pytest.raises(TypeError, match="unexpected option 'nesterow'"):
        steepest.MuonMax([torch.zeros(2, 2)], nesterow=True)
    with pytest.raises(ValueError, match='received "muonmaxx".*nearest: muonmax'):
        steepest.make("muonmaxx", [torch.zeros(2, 2)])


def test_a_row_needs_no_class_of_its_own(monkeypatch):
    nets = make_net(), make_net()
    train(nets[0], steepest.make("neon(k=2)-momo", nets[0].parameters(), lr=0.05), range(4))
    monkeypatch.delitem(catalog.CLASSES, "neon")
    other = steepest.make("neon(k=2)-momo", nets[1].parameters(), lr=0.05)
    assert type(other) is catalog.Named
    train(nets[1], other, range(4))
    assert same(weights(nets[0]), weights(nets[1]))
    assert steepest.make("neon", nets[1].parameters()).param_groups[0]["lr"] == 1.0


def test_a_group_that_does_not_fit_leaves_all_as_it_was():
    net = make_net()
    optimizer = steepest.MuonMax(net.parameters())
    train(net, optimizer, range(2))
    for bad, words in (
        ({"params": [torch.zeros(3, 3)], "outer": "l2"}, "choice of the whole network"),
        ({"params": [torch.zeros(3, 3)], "split_sizes": [2, 2]}, "split_sizes"),
        ({"params": [torch.zeros(3, 3)], "role": "heads"}, 'role: received "heads"'),
        ({"params": [torch.zeros(3, 3)], "norm": "spectrum"}, "spectrum"),
        ({"params": [torch.zeros(3, 3)], "lr": -1}, r"param_groups\[1\]: lr: received -1"),
    ):
        with pytest.raises(ValueError, match=words):
            optimizer.add_param_group(bad)
        assert len(optimizer.param_groups) == 1
    train(net, optimizer, range(2, 4))


def test_groups_override_what_they_may():
    fused = torch.randn(12, 8)
    parts = [fused[:8].clone(), fused[8:].clone()]
    grad = torch.randn(12, 8)
    whole = steepest.Muon([{"params": [fused], "split_sizes": [8, 4]}], lr=0.1)
    step_with(whole, [grad])
    step_with(steepest.Muon(parts, lr=0.1), [grad[:8], grad[8:]])
    assert torch.allclose(fused, torch.cat(parts), atol=1e-6)
    stack = torch.randn(3, 6, 4)
    singles = [m.clone() for m in stack]
    grads = torch.randn(3, 6, 4)
    step_with(
        steepest.Muon([{"params": [stack], "role": "matrix", "view": "batch"}], lr=0.1), [grads]
    )
    step_with(steepest.Muon(singles, lr=0.1), list(grads))
    assert torch.allclose(stack, torch.stack(singles), atol=1e-6)


def test_foreach_false_is_the_same_one_by_one():
    nets = [make_net(torch.float64), make_net(torch.float64)]
    for net, foreach in zip(nets, (None, False), strict=True):
        train(net, steepest.PolarGrad(net.parameters(), foreach=foreach), range(5))
    assert furthest(weights(nets[0]), weights(nets[1])) < 1e-12


def test_zero_gradients_move_nothing_and_an_infinite_one_is_counted():
    net = make_net()
    optimizer = steepest.MuonMax(net.parameters())
    before = weights(net)
    step_with(optimizer, [torch.zeros_like(p) for p in net.parameters()])
    assert same(weights(net), before)
    grads = [torch.ones_like(p) for p in net.parameters()]
    grads[1][0] = float("inf")
    step_with(optimizer, grads)
    assert optimizer.stats()["step"]["nonfinite"] == 1
    skipping = steepest.MuonMax(make_net().parameters(), nonfinite="skip")
    kept = [p.clone() for p in skipping._params()]
    step_with(skipping, grads)
    assert same(kept, list(skipping._params())) and skipping.stats()["step"]["skipped"] == 1


# -- functions ---


@pytest.mark.parametrize("method", ["auto", "lanczos", "block_krylov", "randomized"])
def test_the_stop_approximation_bounds_the_error_of_the_product(method):
    x = torch.randn(90, 70, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    best = (u[:, :4] * s[:4]) @ vh[:4]
    found = steepest.svd(x, 4, method, 1e-2, stop="approximation")
    error = (found.U * found.S) @ found.Vh - best
    assert error.norm() <= 1e-2 * best.norm()


def test_the_functions_agree_with_the_svd():
    x = torch.randn(3, 10, 7, dtype=torch.float64)
    u, s, vh = torch.linalg.svd(x, full_matrices=False)
    assert torch.allclose(steepest.polar(x, "svd"), u @ vh, atol=1e-10)
    assert torch.allclose(steepest.polar(x, steps=12), u @ vh, atol=1e-5)
    found = steepest.steepest(x, "spectral", polar="svd")
    assert torch.allclose(found.dual, s.sum(-1)) and found.direction.shape == x.shape
    assert torch.allclose(steepest.steepest(x[0], "ky_fan(k=2)").dual, s[0, :2].sum())
    triplets = steepest.svd(x, 3, method="exact")
    assert torch.allclose(triplets.S, s[:, :3])
    rebuilt = triplets.U @ torch.diag_embed(triplets.S) @ triplets.Vh
    assert torch.allclose(rebuilt, u[..., :3] @ torch.diag_embed(s[:, :3]) @ vh[:, :3], atol=1e-8)
    for bad in (
        lambda: steepest.polar(torch.zeros(3)),
        lambda: steepest.polar(x, "svdd"),
        lambda: steepest.steepest(x, "ada_inf"),
        lambda: steepest.svd(x, 0),
    ):
        with pytest.raises(ValueError, match="received"):
            bad()


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 0, 4), (0, 3, 4), (2, 0, 4, 0)])
def test_the_functions_take_what_is_empty(shape):
    x = torch.zeros(shape)
    assert steepest.polar(x).shape == shape
    assert steepest.steepest(x, "nuclear").dual.shape == shape[:-2]
    assert steepest.svd(x, 2).Vh.shape[-1] == shape[-1]


def test_a_start_without_columns_is_none():
    x = torch.randn(2, 40, 50, generator=torch.Generator().manual_seed(5))
    found = steepest.svd(x, 2, start=torch.zeros(2, 50, 0))
    assert same(list(found), list(steepest.svd(x, 2)))


def test_stats_are_what_the_step_did():
    net = make_net(torch.float64)
    optimizer = steepest.MuonMax(net.named_parameters(), lr=0.01, polar="svd", momentum=0.0)
    before = {n: p.detach().clone() for n, p in net.named_parameters()}
    train(net, optimizer, range(1))
    stats = optimizer.stats()
    assert set(stats["parameters"]) == set(before)
    for name, p in net.named_parameters():
        row = stats["parameters"][name]
        moved = (p.detach() - before[name]).square().mean().sqrt().item()
        assert row["update_rms"] == pytest.approx(moved, rel=1e-6)
        if row["role"] == "matrix":
            sigma = torch.linalg.svdvals(p.grad)
            assert row["dual_norm"] == pytest.approx(sigma.sum().item(), rel=1e-9)
            assert row["spectral_norm"] == pytest.approx(
                torch.linalg.matrix_norm(p.detach(), 2).item(), rel=1e-2
            )
    assert stats["parameters"]["0.weight"]["polar_residual"] < 1e-10
    assert stats["step"]["D"] > 0 and stats["step"]["q"] is None


def test_the_last_step_is_told_without_a_survey(monkeypatch):
    net = make_net(torch.float64)
    optimizer = steepest.MuonMax(net.named_parameters(), lr=0.01, step_size="momo", f_star=0.1)
    assert set(optimizer.last_step().values()) == {None}
    train(net, optimizer, range(3))
    expected = {k: v for k, v in optimizer.stats()["step"].items() if k != "nonfinite"}

    def refuse(*_):
        raise AssertionError("a survey")

    monkeypatch.setattr("steepest._state.ops", SimpleNamespace(survey=refuse))
    assert optimizer.last_step() == expected
    assert expected["D"] > 0 and 0 <= expected["q"] <= 1 and expected["f_star"] == 0.1
