# SPDX-License-Identifier: Apache-2.0
"""State that is not a state: refused in one line with nothing changed, or loaded and stepped."""

import copy
import warnings

import pytest
import torch
from tampering import variants
from torch import Tensor

import steepest
from steepest.catalog import CLASSES

MAKERS = {name: lambda p, n=name: steepest.make(n, p) for name in CLASSES}
MAKERS |= {
    "muonmax-momo": lambda p: steepest.MuonMax(p, step_size="momo"),
    "muonmax-momo stale": lambda p: steepest.MuonMax(p, step_size="momo", duals="stale"),
    "steepest": lambda p: steepest.SteepestDescent(p, norm="nuclear", svd="block_krylov"),
    "sgd momentum": lambda p: steepest.SGD(p, momentum=0.9),
}
MOST = 150  # variants of each class


def problem():
    generator = torch.Generator().manual_seed(3)
    shapes = {"0.weight": (4, 6), "0.bias": (4,), "1.weight": (3, 2)}
    return [(n, torch.nn.Parameter(torch.randn(s, generator=generator))) for n, s in shapes.items()]


def step(optimizer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for p in optimizer._params():
        p.grad = torch.randn(p.shape, generator=generator)
    optimizer.step(**({"loss": 2.0} if optimizer._momo() else {}))


def trained(name: str, named: bool, seeds=(1, 2)):
    params = problem()
    optimizer = MAKERS[name](params if named else [p for _, p in params])
    for seed in seeds:
        step(optimizer, seed)
    return optimizer


def frozen(value):
    """Something that compares equal exactly where every bit is the same."""
    if isinstance(value, Tensor):
        return ("tensor", str(value.dtype), tuple(value.shape), repr(value.tolist()))
    if isinstance(value, dict):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [frozen(item) for item in value]
    return repr(value)


def weights(optimizer):
    return [p.detach().clone() for p in optimizer._params()]


def attempt(optimizer, load, what: str) -> bool:
    """Whether it was loaded; asserts that it was all or nothing."""
    before, values = frozen(optimizer.state_dict()), weights(optimizer)
    try:
        load()
    except (ValueError, TypeError) as error:
        assert "\n" not in str(error) and len(str(error)) > 20, (what, str(error))
        assert frozen(optimizer.state_dict()) == before, what
        assert all(torch.equal(a, b) for a, b in zip(values, weights(optimizer), strict=True)), what
        return False
    except Exception as error:
        raise AssertionError(f"{what}: {type(error).__name__}: {error!s:.200}") from error
    saved = copy.deepcopy(optimizer.state_dict())
    try:
        step(optimizer, 9)
    except Exception as error:
        raise AssertionError(f"{what}: loads, then {type(error).__name__}: {error}") from error
    if "('state'" in what or "'momo" in what:  # a rate may be as large as it likes
        assert all(bool(torch.isfinite(w).all()) for w in weights(optimizer)), (what, "not finite")
    step(optimizer, 10)
    optimizer.load_state_dict(saved)
    return True


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("how", ["load_state_dict", "load_torch_state"])
def test_a_tampered_state_dict_is_refused_or_steps(name, how):
    """Nothing in between: no later failure, nothing half loaded."""
    source = trained(name, named=True).state_dict()
    target = trained(name, named=True, seeds=(4,))
    kept = copy.deepcopy(target.state_dict())
    start = weights(target)
    loaded = refused = 0
    most = MOST if how == "load_state_dict" else MOST // 3
    for variant in variants(source, most, seed=len(name)):
        what, state_dict = variant()
        if attempt(target, lambda d=state_dict: getattr(target, how)(d), f"{name}: {what}"):
            loaded += 1
            with torch.no_grad():
                for p, w in zip(target._params(), start, strict=True):
                    p.copy_(w)
            target.load_state_dict(kept)
        else:
            refused += 1
    twin = trained(name, named=True, seeds=(4,))
    step(target, 5), step(twin, 5)
    assert all(torch.equal(a, b) for a, b in zip(weights(target), weights(twin), strict=True))
    assert refused > most // 5 and loaded > 0


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("bad", [None, [], "x", 5, {}, {"state": {}}, {"param_groups": []}])
def test_what_is_no_state_dict_is_refused_in_one_line(name, bad):
    optimizer = trained(name, named=False)
    for how in ("load_state_dict", "load_torch_state"):
        with pytest.raises((ValueError, TypeError), match=f"^{how}: .*received"):
            getattr(optimizer, how)(bad)


@pytest.mark.parametrize(
    "path, value, words",
    [
        (("state", 0, "momentum_buffer"), torch.zeros(2, 2), r"shape \(2, 2\), allowed .*\(4, 6\)"),
        (("state", 0, "momentum_buffer"), torch.zeros(4, 6).long(), "int64, allowed a real"),
        (("state", 0, "momentum_buffer"), torch.full((4, 6), torch.nan), "received NaN or Inf"),
        (("state", 0, "step"), torch.tensor(-5.0), "received -5, allowed a whole number"),
        (("state", 0, "step"), "x", "received 'x', allowed a whole number"),
        (("state", 0, "step"), torch.ones(2), r"a tensor of shape \(2,\)"),
        (("state", 1, "exp_avg"), torch.zeros(4).cfloat(), "complex64, allowed a real"),
        (("state", 1, "exp_avg_sq"), -torch.ones(4), "received a negative number"),
        (("state", 0), [1], r"received \[1\], allowed a dict"),
        (("param_groups", 0, "lr"), float("nan"), "lr: received nan, allowed a finite number"),
        (("param_groups", 0, "lr"), "0.1", "lr: received '0.1', allowed a finite number"),
        (("param_groups", 0, "lr"), -1.0, "lr: received -1"),
        (("param_groups", 0, "momo"), torch.zeros(2), r"momo: received shape \(2,\)"),
        (("param_groups", 0, "momo"), torch.full((3,), torch.nan), "momo: received NaN or Inf"),
        (("param_groups", 0, "momo_step"), None, "momo_step: received None, allowed a whole"),
        (("param_groups", 0, "params"), [0, 0, 1], "params: received 0 twice"),
        (("param_groups", 0, "params"), [0, 1], "param_names: received"),
        (("param_groups", 0, "backup_betas"), (0.9,), "backup_betas: received .*two numbers"),
    ],
)
def test_the_message_names_the_place(path, value, words):
    from tampering import put

    optimizer = trained("muonmax-momo", named=True)
    state_dict = put(copy.deepcopy(optimizer.state_dict()), path, value)
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(state_dict)


def test_state_of_a_parameter_that_is_not_there_is_refused():
    optimizer = trained("muon", named=False)
    for key, value in ((7, {}), ("0.weight", {"step": 1.0}), (("a", 1), 2)):
        state_dict = copy.deepcopy(optimizer.state_dict())
        state_dict["state"][key] = value
        with pytest.raises(ValueError, match="which is in no group's params"):
            optimizer.load_state_dict(state_dict)


def test_what_hooks_and_programs_add_is_kept_as_torch_keeps_it():
    optimizer = trained("muon", named=False)
    optimizer.state["note"] = 1
    optimizer.state[next(optimizer._params())]["slow"] = torch.ones(2)
    optimizer.param_groups[0]["rho"] = 0.05
    again = trained("muon", named=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.load_state_dict(optimizer.state_dict())
    assert again.state["note"] == 1 and again.param_groups[0]["rho"] == 0.05
    assert torch.equal(again.state[next(again._params())]["slow"], torch.ones(2))
    step(again, 3)
