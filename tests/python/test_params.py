# SPDX-License-Identifier: Apache-2.0
"""Parameters and gradients: what the optimizers take, refuse and leave alone."""

import warnings

import pytest
import torch
from networks import loss_of, make_net, same, step_with, train, weights
from torch import nn

import steepest


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
    rates = {g["role"]: g["lr"] for g in optimizer.param_groups}
    assert rates == {"matrix": 0.02, "backup": 1e-3}
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


def test_adamws_options_in_a_group_are_the_backups():
    group = {"params": [torch.zeros(4)], "use_muon": False, "betas": (0.5, 0.6), "eps": 1e-2}
    optimizer = steepest.Muon([{"params": [torch.zeros(4, 4)]}, group])
    own = optimizer.param_groups[1]
    assert own["backup_betas"] == (0.5, 0.6) and own["backup_eps"] == 1e-2
    recipe = optimizer._plan().recipe["backup"]
    assert (recipe["momentum"], recipe["beta2"], recipe["eps"]) == (0.5, 0.6, 1e-2)
    assert optimizer.param_groups[0]["eps"] == 1e-7  # torch's, of the matrices
    with pytest.warns(UserWarning, match='group key "scale": .* has no effect'):
        steepest.Muon([{"params": [torch.zeros(4, 4)], "scale": 50}])


def test_suspicious_bare_tensors_warn_once():
    with pytest.warns(UserWarning, match="20000 x 8 .* embedding or a head") as found:
        steepest.Muon([torch.zeros(20000, 8), torch.zeros(1, 8)], lr=0.02)
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        steepest.Muon([torch.zeros(64, 8), torch.zeros(8)], lr=0.02)
        steepest.Muon([("wte.weight", torch.zeros(20000, 8))])


@pytest.mark.parametrize(
    "tensor, words",
    [
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
