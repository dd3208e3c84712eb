# SPDX-License-Identifier: Apache-2.0
"""Tensors as parameters: which are refused before anything changes, and that none goes stale."""

import copy

import pytest
import torch
from classes import CLASSES, IDS, KINDS, make, step
from networks import loss_of, make_net, same, train, weights
from torch import nn

import steepest

ODD = ["float8_e4m3fn", "float8_e5m2", "float8_e8m0fnu", "float4_e2m1fn_x2", "complex32", "bits8"]
ODD += ["complex64", "int64", "uint8", "bool", "int4", "uint16"]


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("dtype", [d for d in ODD if hasattr(torch, d)])
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_odd_dtypes_are_refused_by_name_and_nothing_changes(name, dtype):
    odd = torch.empty(4, 4, dtype=getattr(torch, dtype))
    with pytest.raises(TypeError, match=rf"^w: received torch.{dtype}, allowed .*float32"):
        make(name, [("w", odd)])
    optimizer = make(name, [("first", torch.ones(4, 4))])
    with pytest.raises(TypeError, match=f"^w: received torch.{dtype}"):
        optimizer.add_param_group({"params": [("w", odd)]})
    assert len(optimizer.param_groups) == 1
    optimizer.param_groups[0]["params"][0] = odd  # behind its back
    with pytest.raises(TypeError, match=f"^first: received torch.{dtype}"):
        optimizer.step()


def _expanded():
    return torch.randn(1, 8).expand(8, 8)


def _inference():
    with torch.inference_mode():
        return torch.randn(4, 4)


REFUSED = {
    "expanded": (_expanded, "entries share memory"),
    "sliding": (lambda: torch.randn(20).as_strided((4, 4), (2, 1)), "entries share memory"),
    "inference": (_inference, "inference_mode"),
    "meta": (lambda: torch.empty(4, 4, device="meta"), "meta device.*after to_empty"),
    "lazy": (lambda: nn.LazyLinear(4).weight, "no shape yet"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "nested"),
    "sparse": (lambda: torch.eye(4).to_sparse(), "dense tensor"),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_tensors_that_no_step_could_train_are_refused_in_one_line(name, kind):
    maker, words = REFUSED[kind]
    for params in ([("w", maker())], [{"params": iter([("w", maker())])}]):
        with pytest.raises((TypeError, ValueError), match=rf"^w: received .*{words}") as error:
            make(name, params)
        assert "\n" not in str(error.value)
    optimizer = make(name, [("first", torch.ones(4, 4))])
    with pytest.raises((TypeError, ValueError), match=f"^w: received .*{words}"):
        optimizer.add_param_group({"params": [("w", maker())]})
    step(optimizer)


def test_a_module_whose_trained_parameter_has_no_place_is_refused():
    net = nn.Linear(4, 4)
    net.scale = nn.Parameter(torch.ones(4, 4).to(torch.float8_e4m3fn))
    with pytest.raises(TypeError, match="^scale: received torch.float8_e4m3fn"):
        steepest.Muon(net)
    net.scale.requires_grad_(False)  # as quantised bases are
    assert len(list(steepest.Muon(net)._params())) == 2


# -- memory ---


@pytest.mark.parametrize("name", CLASSES)
def test_parameters_that_share_memory_are_refused(name):
    wide = torch.randn(8, 8)
    for a, b in (
        (wide, wide.view(16, 4)),
        (wide[:5], wide[4:]),
        (wide[:, :3], wide[:, 2:]),
        (wide[::2], wide[:, 1:2]),
        (nn.Parameter(wide), nn.Parameter(wide)),
        (wide[:4], wide.view(torch.float16)[3:5]),
    ):
        for params in ([a, b], [b, a], [{"params": [a]}, {"params": [b]}]):
            with pytest.raises(ValueError, match="share memory, allowed separate"):
                make(name, params)
        optimizer = make(name, [a])
        with pytest.raises(ValueError, match="share memory"):
            optimizer.add_param_group({"params": [b]})
        assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("name", CLASSES)
def test_pieces_of_one_memory_that_do_not_meet_are_trained(name):
    wide = torch.randn(8, 8)
    pieces = [wide[:4, ::2], wide[:4, 1::2], wide[4:6], wide[6]]
    alone = [piece.clone() for piece in pieces]
    step(make(name, pieces))
    step(make(name, alone))
    assert same(pieces, alone)


# -- replaced under the optimizer ---


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
@pytest.mark.parametrize("how", ["data", "replaced"])
def test_a_parameter_that_grows_is_followed_or_refused(name, options, how):
    def grow(optimizer, index, rows):
        old = optimizer.param_groups[0]["params"][index]
        longer = torch.cat([old.detach(), torch.ones(rows, *old.shape[1:])])
        if how == "data":
            old.data = longer
            return old
        optimizer.param_groups[0]["params"][index] = new = nn.Parameter(longer)
        optimizer.state[new] = optimizer.state.pop(old)
        return new

    torch.manual_seed(3)
    params = [nn.Parameter(torch.randn(6, 6)) for _ in range(2)] + [nn.Parameter(torch.randn(5))]
    optimizer = make(name, params, **options)
    step(optimizer)
    grown = grow(optimizer, 0, 18)
    shaped = [k for k, v in optimizer.state[grown].items() if v.shape == (6, 6)]
    before = [p.detach().clone() for p in optimizer._params()]
    if shaped:
        with pytest.raises(ValueError, match=r"^0.0: .*received shape \(6, 6\), .* \(24, 6\)"):
            step(optimizer, 1)
        assert same(before, list(optimizer._params()))
        for key in shaped:
            old = optimizer.state[grown][key]
            optimizer.state[grown][key] = torch.cat([old, torch.zeros(18, 6)])
    copies = [nn.Parameter(p.detach().clone()) for p in optimizer._params()]
    fresh = make(name, copies, **options)
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    step(optimizer, 1)
    step(fresh, 1)
    assert same(list(optimizer._params()), copies)  # radius, blocks and state are the new shape's
    assert len(optimizer.stats()["parameters"]) == 3


@pytest.mark.parametrize("options", [{"svd": "power"}, {"duals": "stale"}, {"svd": "subspace"}])
def test_starts_and_duals_of_an_old_shape_are_made_anew(options):
    for name in ("neon", "fanion", "polargrad"):
        try:
            optimizer = make(name, [torch.randn(6, 6), torch.randn(8, 4)], **options)
        except ValueError:
            continue
        step(optimizer)
        p = optimizer.param_groups[0]["params"][0]
        p.data = torch.randn(7, 9)
        state = optimizer.state[p]
        for key in [k for k, v in state.items() if v.shape == (6, 6)]:
            state[key] = torch.zeros(7, 9)
        step(optimizer, 1)
        assert torch.isfinite(p).all()


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_a_model_of_another_dtype_goes_on(name, options, dtype):
    for swap in (False, True):
        torch.__future__.set_swap_module_params_on_conversion(swap)
        try:
            net = make_net()
            optimizer = make(name, net, **options)
            train(net, optimizer, range(1))
            net.to(dtype)
            before = weights(net)
            train(net, optimizer, range(1, 3))
        finally:
            torch.__future__.set_swap_module_params_on_conversion(False)
        now = weights(net)
        assert all(p.dtype == dtype and torch.isfinite(p).all() for p in now)
        assert not any(torch.equal(a, b) for a, b in zip(now, before, strict=True))


def test_the_meta_device_is_right_where_parameters_are_swapped_in_place():
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with torch.device("meta"):
            net = nn.Linear(6, 8)
        optimizer = make("muonmax", net, step_size="momo")
        net.to_empty(device="cpu")
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
    nn.init.normal_(net.weight), nn.init.zeros_(net.bias)
    before = weights(net)
    train(net, optimizer, range(2))
    assert not any(torch.equal(a, b) for a, b in zip(weights(net), before, strict=True))


# -- the surroundings ---


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
def test_another_default_device_changes_nothing(name, options):
    runs = []
    for device in (None, "meta"):
        net = make_net()
        batches = [
            torch.randn(p.shape, generator=torch.Generator().manual_seed(7))
            for p in net.parameters()
        ]
        torch.set_default_device(device)
        try:
            optimizer = make(name, net.named_parameters(), **options)
            for _ in range(2):
                for p, grad in zip(net.parameters(), batches, strict=True):
                    p.grad = grad
                optimizer.step(**({"loss": 0.5} if options else {}))
                optimizer.step(lambda: torch.tensor(0.5, device="cpu"))
            optimizer.stats()
            assert {v.device.type for s in optimizer.state.values() for v in s.values()} == {"cpu"}
        finally:
            torch.set_default_device(None)
        runs.append(weights(net))
    assert same(*runs)


@pytest.mark.parametrize("name, options", KINDS, ids=IDS)
@pytest.mark.parametrize("where", ["construction", "step", "both"])
def test_inference_mode_leaves_nothing_that_cannot_be_changed(name, options, where):
    net, reference = make_net(), make_net()
    with torch.inference_mode(where != "step"):
        optimizer = make(name, net.named_parameters(), **options)
    for turn in range(3):
        loss = loss_of(net, turn)
        optimizer.zero_grad()
        loss.backward()
        with torch.inference_mode(where != "construction" and turn == 0):
            optimizer.step(**({"loss": loss} if options else {}))
            optimizer.stats()
    train(reference, make(name, reference.named_parameters(), **options), range(3))
    assert same(weights(net), weights(reference))
