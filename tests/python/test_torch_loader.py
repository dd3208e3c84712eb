# SPDX-License-Identifier: Apache-2.0
"""A state_dict from here goes into torch's class of the same name; every other class refuses it."""

import copy

import pytest
import torch

import steepest

FITS = {
    "AdamW": {"AdamW", "Adam"},
    "Adam": {"AdamW", "Adam"},
    "SGD": {"SGD"},
    "Muon": {"Muon"},
}


def stepped(cls, **options):
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(4, 4)) for _ in range(2)]
    optimizer = cls(params, lr=0.01, **options)
    for p in params:
        p.grad = torch.randn_like(p)
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("theirs", ["AdamW", "Adam", "SGD", "Muon", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("ours", ["AdamW", "Adam", "SGD", "Muon", "MuonMax", "Scion", "Neon"])
def test_only_the_class_of_the_same_state_takes_it(ours, theirs):
    momentum = {"momentum": 0.9} if theirs == "SGD" else {}
    source = stepped(getattr(steepest, ours), **({"momentum": 0.9} if ours == "SGD" else {}))
    target = stepped(getattr(torch.optim, theirs), **momentum)
    before = copy.deepcopy(target.state_dict())
    if theirs in FITS.get(ours, ()):
        target.load_state_dict(source.state_dict())
        target.step()
        return
    with pytest.raises(ValueError, match=r"^load_state_dict: received the state of steepest") as e:
        target.load_state_dict(source.state_dict())
    assert len(str(e.value).splitlines()) == 1
    after = target.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for key, entry in before["state"].items():
        assert all(
            torch.equal(torch.as_tensor(v), torch.as_tensor(after["state"][key][k]))
            for k, v in entry.items()
        )


def test_state_of_torchs_own_and_of_wrappers_is_left_alone():
    class Wrapper(torch.optim.SGD):
        """Another library's, which may know what it does."""

    theirs = stepped(torch.optim.AdamW)
    stepped(torch.optim.AdamW).load_state_dict(theirs.state_dict())
    stepped(Wrapper).load_state_dict(stepped(steepest.Muon).state_dict())
