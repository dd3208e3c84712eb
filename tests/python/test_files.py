# SPDX-License-Identifier: Apache-2.0
"""safetensors files: written and read by Python, by C++ programs and by the trainer."""

import json

import pytest
import torch
from networks import make_net, same, train, weights
from safetensors.torch import load_file

import steepest
from steepest._library import ops
from trainer import steepest as command
from trainer import write_config


@pytest.mark.parametrize("name", ["muon", "muonmax-momo", "adamw", "sgd", "neon-momo"])
@pytest.mark.parametrize("options", [{}, {"duals": "stale"}])
def test_a_file_continues_a_run_bit_for_bit(tmp_path, name, options):
    if name in ("sgd", "adamw") and options:
        options = {}
    whole, net = make_net(), make_net()
    train(whole, steepest.make(name, whole.named_parameters(), **options), range(8))
    first = steepest.make(name, net.named_parameters(), **options)
    train(net, first, range(4))
    steepest.save(first, tmp_path / "opt.safetensors")
    second = steepest.make(name, net.named_parameters(), **options)
    steepest.load(second, tmp_path / "opt.safetensors")
    train(net, second, range(4, 8))
    assert same(weights(net), weights(whole))


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    net = make_net()
    first = steepest.MuonMax(net.named_parameters())
    train(net, first, range(2))
    steepest.save(first, tmp_path / "opt.safetensors")
    for other, message in (
        (steepest.PolarGrad(make_net().named_parameters()), "recipe: received muonmax"),
        (steepest.MuonMax(make_net().parameters()), "received no|which no parameter"),
        (steepest.MuonMax([{"params": list(make_net().parameters())} for _ in range(2)]), "groups"),
    ):
        with pytest.raises(ValueError, match=message):
            steepest.load(other, tmp_path / "opt.safetensors")
        assert not other.state
    data = bytearray((tmp_path / "opt.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "bad.safetensors").write_bytes(data)
    with pytest.raises((RuntimeError, ValueError), match="bad.safetensors"):
        steepest.load(first, tmp_path / "bad.safetensors")


def test_the_trainers_checkpoint_opens_and_returns(tmp_path):
    """The C++ trainer's optimizer file, read into Python, written again, is the same file."""
    assert command("train", write_config(tmp_path)).returncode == 0
    run = tmp_path / "run"
    checkpoint = sorted(run.glob("**/optimizer.safetensors"))[-1]
    tensors = load_file(checkpoint)
    names = [
        k.removeprefix("state.").removesuffix(".step")
        for k in tensors
        if k.endswith(".step") and k.startswith("state.")
    ]
    tensors_of, keys, text = ops.load_file(str(checkpoint))
    groups = json.loads(json.loads(text)["groups"])
    shape = lambda n: (
        tensors.get(f"state.{n}.momentum_buffer", tensors.get(f"state.{n}.exp_avg")).shape
    )
    roles = {n: "matrix" if f"state.{n}.momentum_buffer" in tensors else "backup" for n in names}
    param_groups = [
        {"params": [(n, torch.zeros(shape(n))) for n in names if roles[n] == role], "role": role}
        for role in ("matrix", "backup")
    ]
    assert len(groups) == 2
    optimizer = steepest.make(json.loads(text)["recipe"], param_groups)
    steepest.load(optimizer, checkpoint)
    assert float(optimizer.param_groups[0]["momo_step"]) == float(tensors["global.step"])
    steepest.save(optimizer, tmp_path / "again.safetensors")
    again = load_file(tmp_path / "again.safetensors")
    assert again.keys() == tensors.keys()
    for key in tensors:
        assert torch.equal(again[key].double(), tensors[key].double()), key
