# SPDX-License-Identifier: Apache-2.0
"""What a person gets to read who means well: typical mistakes, and the answer in one line."""

import pytest
import torch
from torch import nn

import steepest


def net():
    return nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 4))


def stepped(*loss, momo=True, **options):
    """A step behind a backward pass, which is given the loss as the case says."""
    model = net()
    optimizer = steepest.MuonMax(model, step_size="momo" if momo else "fixed")
    value = model(torch.ones(2, 6)).square().mean()
    value.backward()
    optimizer.step(*[value if one is LOSS else one for one in loss], **options)


LOSS = object()

# What is called, the kind of error, and the words of the answer.
MISTAKES = {
    # Names of other libraries.
    "betas": (
        lambda: steepest.MuonMax(net(), betas=(0.9, 0.95)),
        TypeError,
        "'betas': write momentum for the matrices, backup_betas for the rest",
    ),
    "backup_wd": (
        lambda: steepest.Muon(net(), lr=0.02, backup_wd=0.1),
        TypeError,
        "'backup_wd': write backup_weight_decay",
    ),
    "adamw_lr": (
        lambda: steepest.Muon(net(), lr=0.02, adamw_lr=1e-3),
        TypeError,
        "'adamw_lr': write backup_lr",
    ),
    "adamw_betas": (
        lambda: steepest.Muon(net(), adamw_betas=(0.9, 0.95)),
        TypeError,
        "'adamw_betas': write backup_betas",
    ),
    "muon_params": (
        lambda: steepest.Muon(net(), adamw_params=[]),
        TypeError,
        "'adamw_params': write one list of groups",
    ),
    "ns_steps": (
        lambda: steepest.MuonJordan(net(), ns_steps=5),
        TypeError,
        "'ns_steps': write polar_steps",
    ),
    "backend_steps": (
        lambda: steepest.Muon(net(), backend_steps=5),
        TypeError,
        "'backend_steps': write ns_steps",
    ),
    "epsilon": (
        lambda: steepest.MuonMax(net(), epsilon=1e-8),
        TypeError,
        "'epsilon': write eps",
    ),
    "momentum of AdamW": (
        lambda: steepest.AdamW(net(), momentum=0.9),
        TypeError,
        "'momentum': write betas",
    ),
    "wd": (lambda: steepest.Scion(net(), wd=0.1), TypeError, "'wd': write weight_decay"),
    "learning_rate": (
        lambda: steepest.SteepestDescent(net(), learning_rate=0.1),
        TypeError,
        "'learning_rate': write lr",
    ),
    "scale": (lambda: steepest.Scion(net(), scale=50), TypeError, "'scale': write radius"),
    "rank": (
        lambda: steepest.MuonMax(net(), rank=4),
        TypeError,
        r'write norm="ky_fan\(k=8\)"; Neon, Fanion and their relatives take rank',
    ),
    "momo": (
        lambda: steepest.MuonMax(net(), momo=True),
        TypeError,
        "'momo': write step_size=\"momo\"",
    ),
    # Misspellings.
    "option": (
        lambda: steepest.MuonMax(net(), weigth_decay=0.1),
        TypeError,
        "'weigth_decay': write weight_decay",
    ),
    "option, twice": (
        lambda: steepest.MuonMax(net(), momentun_frm="ema"),
        TypeError,
        "nearest: momentum_form",
    ),
    "norm": (
        lambda: steepest.SteepestDescent(net(), norm="spectal"),
        ValueError,
        "nearest: spectral",
    ),
    "recipe": (lambda: steepest.make("muonmx", net()), ValueError, "nearest: muonmax"),
    "polar of a class": (
        lambda: steepest.MuonJordan(net(), polar="newtonschulz"),
        ValueError,
        '^polar: received "newtonschulz", allowed svd, newton, .*; nearest: jordan$',
    ),
    "polar, misspelt": (
        lambda: steepest.polar(torch.ones(2, 2), "jordn"),
        ValueError,
        '^polar: received "jordn", .*; nearest: jordan$',
    ),
    "polar_steps": (
        lambda: steepest.MuonMax(net(), polar="svd", polar_steps=3),
        ValueError,
        '^polar_steps: received 3, allowed unset: "svd" takes no steps$',
    ),
    "svd": (
        lambda: steepest.Neon(net(), svd="lanczoss"),
        ValueError,
        '^svd: received "lanczoss", allowed .*; nearest: lanczos$',
    ),
    # The loss.
    "step(loss)": (
        lambda: stepped(LOSS),
        TypeError,
        r"MuonMax: step: received tensor\(.*step\(loss=",
    ),
    "step(loss), no Momo": (lambda: stepped(LOSS, momo=False), TypeError, r"write step\(loss="),
    "step(number)": (lambda: stepped(0.5), TypeError, r"received 0.5 .*write step\(loss="),
    "step()": (lambda: stepped(), ValueError, r"received none, allowed one by observe\(loss\)"),
    "losses": (lambda: stepped(loss=torch.ones(3)), ValueError, "allowed one number"),
    # Values.
    "rate as text": (
        lambda: steepest.Muon(net(), lr="1e-3"),
        TypeError,
        "not text .YAML reads 1e-3 as text: write 1.0e-3",
    ),
    "amsgrad": (lambda: steepest.AdamW(net(), amsgrad=True), ValueError, "no steepest descent"),
    "fused": (lambda: steepest.AdamW(net(), fused=True), RuntimeError, "leave it out"),
    # Parameters and other arguments.
    "dict": (
        lambda: steepest.Muon(net().state_dict()),
        TypeError,
        r"received a OrderedDict, .*write \.items\(\)",
    ),
    "group": (
        lambda: steepest.Muon({"params": net().parameters()}),
        TypeError,
        r"write \[group\] for a single group",
    ),
    "param": (
        lambda: steepest.Muon([{"param": net().parameters()}]),
        ValueError,
        'received param, allowed a group with the key "params"',
    ),
    "make": (
        lambda: steepest.make(net(), "muon"),
        TypeError,
        "a Sequential, allowed text",
    ),
    "save": (
        lambda: steepest.save("state.safetensors", steepest.Muon(net())),
        TypeError,
        'save: optimizer: received "state.safetensors", allowed an optimizer',
    ),
    "load": (
        lambda: steepest.load(torch.optim.SGD(net().parameters()), "state.safetensors"),
        TypeError,
        "load: optimizer: received a SGD, allowed an optimizer",
    ),
    "polar": (lambda: steepest.polar([[1.0, 2.0]]), TypeError, "allowed a tensor"),
    "route": (
        lambda: steepest.route(net(), backup=["head.*"]),
        ValueError,
        'received glob "head.*", which matches no parameter',
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_in_one_line(name):
    wrong, kind, words = MISTAKES[name]
    with pytest.raises(kind, match=words) as error:
        wrong()
    assert type(error.value) is kind
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 240 or name in ("norm", "recipe")  # which list what is allowed


def test_a_group_keeps_the_data_of_a_program(recwarn):
    """Words that are mistakes in a constructor may be somebody's own in a group."""
    data = {"steps": 3, "params_count": 5, "k": 2, "backend": "gloo", "lower_bound": 0.5}
    optimizer = steepest.MuonMax([{"params": net().parameters(), **data}])
    assert not [str(w.message) for w in recwarn if "no effect" in str(w.message)]
    assert all(optimizer.param_groups[0][key] == value for key, value in data.items())


@pytest.mark.parametrize("method", ["svd", "newton", "baseline"])
def test_a_polar_method_has_its_own_steps_and_dtype(method):
    """Not the five steps in bfloat16 that MuonJordan's own method has."""
    weight = torch.nn.Parameter(torch.randn(6, 4))
    optimizer = steepest.MuonJordan([weight], lr=1.0, momentum=0.0, nesterov=False, polar=method)
    before, weight.grad = weight.detach().clone(), torch.randn(6, 4)
    optimizer.step()
    step = (before - weight.detach()) / (before - weight.detach()).norm()
    direction = steepest.polar(weight.grad, method)
    torch.testing.assert_close(step, direction / direction.norm(), rtol=1e-5, atol=1e-6)
