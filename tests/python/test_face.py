# SPDX-License-Identifier: Apache-2.0
"""Parameters, groups and options: what the optimizers take, refuse and leave alone."""

import copy
import pickle
import warnings

import pytest
import torch
from networks import furthest, loss_of, make_net, same, train, weights
from torch import nn
from torch.optim import lr_scheduler

import steepest
from steepest import catalog


def step_with(optimizer, grads) -> None:
    for p, g in zip(optimizer._params(), grads, strict=True):
        p.grad = g
    optimizer.step()


# -- parameters ------------------------------------------------------------------------------------


def test_a_module_names_and_groups_are_the_same_run():
    runs = []
    for params in (
        lambda net: net,
        lambda net: net.named_parameters(),
        lambda net: steepest.route(net),
        lambda net: net.parameters(),
        lambda net: [{"params": [p]} for p in net.parameters()],
    ):
        net = make_net()
        train(net, steepest.MuonMax(params(net), lr=0.01), range(5))
        runs.append(weights(net))
    assert all(same(run, runs[0]) for run in runs)


def test_a_module_is_routed_and_names_are_kept():
    model = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 8), nn.Linear(8, 20))
    optimizer = steepest.Muon(model, lr=0.02, backup_lr=1e-3)
    roles = {name: g["role"] for g in optimizer.param_groups for name in g["param_names"]}
    assert roles["0.weight"] == "backup" and roles["1.weight"] == "matrix"
    rates = {g["role"]: g["lr"] * g["lr_ratio"] for g in optimizer.param_groups}
    assert rates == {"matrix": 0.02, "backup": pytest.approx(1e-3)}
    decays = {g["role"]: g["weight_decay"] for g in optimizer.param_groups}
    assert decays == {"matrix": 0.1, "backup": 0.01}


def test_names_alone_are_routed_with_their_layouts():
    shapes = {
        "h.0.attn.c_attn.weight": (8, 24),
        "h.0.mlp.c_fc.weight": (8, 32),
        "wte.weight": (50, 8),
    }
    params = [(name, torch.randn(shape)) for name, shape in shapes.items()]
    optimizer = steepest.Muon(params)
    assert optimizer.param_groups[0]["roles"] == ["matrix", "matrix", "backup"]
    rows = [line.split() for line in optimizer._plan().table.splitlines()[1:]]
    sizes = {row[0]: (row[2], " ".join(row[3:8])) for row in rows}
    assert sizes["h.0.attn.c_attn.weight"] == ("spectral", "3 x 8 x 8")
    assert sizes["h.0.mlp.c_fc.weight"] == ("spectral", "1 x 32 x 8")


@pytest.mark.parametrize(
    "alien, role",
    [
        ({"use_muon": True}, "matrix"),
        ({"use_muon": False}, "backup"),
        ({"use_fallback": True}, "backup"),
        ({"algorithm": "adamw"}, "backup"),
        ({"algorithm": "muon"}, "matrix"),
    ],
)
def test_group_keys_of_other_libraries_are_understood(alien, role):
    optimizer = steepest.Muon([{"params": [torch.zeros(4, 4)], **alien}], backup_lr=1e-4)
    assert optimizer.param_groups[0]["role"] == role
    assert optimizer._plan().sides == [(0, role)]


def test_suspicious_bare_tensors_warn_once():
    with pytest.warns(UserWarning, match="20000 x 8 .* embedding or a head") as found:
        steepest.Muon([torch.zeros(20000, 8), torch.zeros(1, 8)])
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steepest.Muon([torch.zeros(64, 8), torch.zeros(8)])
        steepest.Muon([("wte.weight", torch.zeros(20000, 8))])


class DTensor(torch.Tensor):  # the name is what is looked at: no process group is needed to say no
    pass


@pytest.mark.parametrize(
    "tensor, words",
    [
        (torch.zeros(2, 2).as_subclass(DTensor), "DTensor"),
        (torch.zeros(2, 2, dtype=torch.complex64), "complex64"),
        (torch.zeros(2, 2, dtype=torch.int64), "int64"),
        (torch.eye(2).to_sparse(), "sparse"),
    ],
)
def test_tensors_that_cannot_be_trained_are_refused_by_name(tensor, words):
    with pytest.raises(TypeError, match=f"^w: received .*{words}.*allowed"):
        steepest.Muon([("w", tensor)])


def test_gradients_are_left_alone_and_missing_ones_make_no_state():
    net = make_net()
    optimizer = steepest.Muon(net.parameters(), nesterov=True, maximize=True)
    loss_of(net, 0).backward()
    unused = next(net.parameters())
    unused.grad = None
    before = weights(net)
    grads = [p.grad.clone() for p in net.parameters() if p.grad is not None]
    optimizer.step()
    assert same(grads, [p.grad for p in net.parameters() if p.grad is not None])
    assert len(optimizer.state[unused]) == 0 and torch.equal(unused, before[0])
    assert all("step" in optimizer.state[p] for p in list(net.parameters())[1:])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_parameters_of_every_dtype_train_and_keep_it(dtype):
    net = make_net(dtype)
    optimizer = steepest.MuonMax(net.named_parameters(), step_size="momo")
    losses = train(net, optimizer, range(6))
    assert losses[-1] < losses[0]
    assert all(p.dtype == dtype for p in net.parameters())
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    assert all(
        v.dtype == wide for s in optimizer.state.values() for k, v in s.items() if "exp" in k
    )


def test_strides_do_not_matter():
    values, grads = torch.randn(12, 8), torch.randn(12, 8)
    wide = torch.zeros(12, 16)
    layouts = {
        "contiguous": values.clone(),
        "transposed": values.t().contiguous().t(),
        "strided": wide[:, ::2],
    }
    layouts["strided"].copy_(values)
    kernel = torch.randn(8, 4, 3, 3)
    last = kernel.clone().to(memory_format=torch.channels_last)
    results = []
    for value in layouts.values():
        step_with(steepest.Muon([value], lr=0.1), [grads.clone()])
        results.append(value.clone())
    assert all(torch.equal(r, results[0]) for r in results)
    assert wide[:, 1::2].abs().max() == 0  # what lies between is untouched
    grad = torch.randn_like(kernel)
    for value in (kernel, last):
        step_with(steepest.Muon([{"params": [value], "role": "matrix"}], lr=0.1), [grad])
    assert torch.equal(kernel, last.contiguous())


# -- options ---------------------------------------------------------------------------------------

REFUSED = [
    ({"norm": "spectrum"}, 'received "spectrum"'),
    ({"lr": -1.0}, "lr: received -1"),
    ({"lr": float("nan")}, "lr: received nan"),
    ({"momentum": 1.0}, "momentum: received 1"),
    ({"outer": "sum"}, 'outer: received "sum", allowed max, l2, hybrid'),
    ({"polar_steps": 0}, "steps: received 0"),
    ({"f_star": "none"}, 'f_star: received "none", allowed a number or "auto"'),
    ({"step_size": "momo", "backup_betas": (0.5, 0.9)}, "share one momentum"),
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


@pytest.mark.parametrize("flag", ["fused", "differentiable", "capturable"])
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
    assert steepest.make("neon", nets[1].parameters()).param_groups[0]["lr"] == 0.1


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
    step_with(steepest.Muon([{"params": [stack], "role": "matrix", "view": "batch"}]), [grads])
    step_with(steepest.Muon(singles), list(grads))
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


# -- rates -----------------------------------------------------------------------------------------


def test_effective_rates_are_lr_times_ratio_for_the_decay_too():
    p, q = torch.ones(3, 3), torch.ones(3)
    optimizer = steepest.SteepestDescent(
        [p, q], lr=0.5, backup_lr=0.25, weight_decay=0.1, norm="inf", backup="inf", momentum=0.0
    )
    step_with(optimizer, [torch.ones(3, 3), torch.ones(3)])
    assert torch.allclose(p, torch.full((3, 3), (1 - 0.05) - 0.5))
    assert torch.allclose(q, torch.full((3,), (1 - 0.025) - 0.25))


@pytest.mark.parametrize("kind", ["muon", "muonmax-momo", "adamw"])
def test_a_warm_up_from_zero_works(kind):
    net = make_net()
    optimizer = steepest.make(kind, net.named_parameters(), lr=0.02)
    warm = lr_scheduler.LambdaLR(optimizer, lambda t: t / 5)
    before = weights(net)
    train(net, optimizer, range(1))
    assert same(weights(net), before)
    for step in range(1, 8):
        warm.step()
        train(net, optimizer, range(step, step + 1))
    assert all(torch.isfinite(w).all() for w in weights(net)) and not same(weights(net), before)


SCHEDULERS = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, lambda t: 0.9**t),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda t: 0.9),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [2, 4]),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 4),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 4),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)], [2]
    ),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ConstantLR(o), lr_scheduler.ExponentialLR(o, 0.9)]
    ),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.02, total_steps=8),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, 0.001, 0.02, step_size_up=2),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=0),
}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.parametrize("tensor", [False, True])
def test_every_scheduler_of_torch_drives_it_as_it_drives_torchs(name, tensor):
    nets = make_net(), make_net()
    lr = lambda: torch.tensor(0.01) if tensor else 0.01
    theirs = torch.optim.SGD(nets[0].parameters(), lr=lr(), momentum=0.9)
    ours = steepest.SGD(nets[1].parameters(), lr=lr(), momentum=0.9)
    for net, optimizer in zip(nets, (theirs, ours), strict=True):
        scheduler = SCHEDULERS[name](optimizer)
        for step in range(6):
            loss = train(net, optimizer, range(step, step + 1))[0]
            scheduler.step(*([loss] if name == "ReduceLROnPlateau" else []))
    assert furthest(weights(nets[1]), weights(nets[0])) < 1e-6


def test_the_scheduler_reaches_both_sides():
    optimizer = steepest.Muon([torch.ones(4, 4), torch.ones(4)], lr=0.02, backup_lr=0.002)
    lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.param_groups[0]["lr"] *= 0.5
    lrs, _, _ = optimizer._plan().rates([optimizer._canonical(g) for g in optimizer.param_groups])
    assert lrs == [0.01, pytest.approx(0.001)]


# -- copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["muonmax-momo", "adamw", "muon"])
@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_are_independent_and_go_on_alike(name, how):
    net = make_net()
    optimizer = steepest.make(name, net.parameters())
    train(net, optimizer, range(3))
    pair = {"net": net, "optimizer": optimizer}
    twin = copy.deepcopy(pair) if how == "deepcopy" else pickle.loads(pickle.dumps(pair))
    train(net, optimizer, range(3, 6))
    train(twin["net"], twin["optimizer"], range(3, 6))
    assert same(weights(net), weights(twin["net"]))


@pytest.mark.parametrize("name", ["muonmax-momo", "muon", "neon", "f-star-momo"])
def test_a_state_dict_goes_through_torch_save(tmp_path, name):
    whole, net = make_net(), make_net()
    train(whole, steepest.make(name, whole.parameters()), range(6))
    first = steepest.make(name, net.parameters())
    train(net, first, range(3))
    torch.save(first.state_dict(), tmp_path / "opt.pt")
    second = steepest.make(name, net.parameters())
    second.load_state_dict(torch.load(tmp_path / "opt.pt", weights_only=True))
    train(net, second, range(3, 6))
    assert same(weights(net), weights(whole))


def test_loaded_state_keeps_its_dtype_and_a_wrong_shape_changes_nothing():
    net = make_net(torch.bfloat16)
    make = lambda: steepest.MuonMax(net.parameters(), step_size="momo")
    first, second = make(), make()
    train(net, first, range(2))
    second.load_state_dict(first.state_dict())
    for a, b in zip(first.state.values(), second.state.values(), strict=True):
        assert {k: v.dtype for k, v in a.items()} == {k: v.dtype for k, v in b.items()}
    bad = copy.deepcopy(first.state_dict())
    bad["state"][0]["momentum_buffer"] = torch.zeros(2, 2)
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(ValueError, match=r"state\[0\].momentum_buffer: received shape \(2, 2\)"):
        second.load_state_dict(bad)
    after = second.state_dict()
    assert all(
        torch.equal(before["state"][i][k], after["state"][i][k])
        for i in before["state"]
        for k in before["state"][i]
    )


# -- functions -------------------------------------------------------------------------------------


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
