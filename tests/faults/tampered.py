# SPDX-License-Identifier: Apache-2.0
"""State that somebody or something has changed: state_dicts and optimizer files."""

import copy
import json
import math
import struct
import warnings

import torch
from kit import case
from networks import make_net, same, train, weights
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from state import CLASSES, frozen, trained

import steepest


def put(tree, path, value):
    """A copy with one item set."""
    wrong = place = copy.deepcopy(tree)
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return wrong


def without(tree, path):
    wrong = place = copy.deepcopy(tree)
    for key in path[:-1]:
        place = place[key]
    del place[path[-1]]
    return wrong


def variants(good):
    """(what, state_dict): each with one thing changed."""
    yield "None", None
    yield "a list", [1, 2]
    yield "empty", {}
    for key in ("state", "param_groups"):
        yield f"no {key}", without(good, [key])
        for value in (None, 3, "x", [1], {"a": 1}, [None], [{}]):
            yield f"{key} = {value!r}", put(good, [key], value)
    groups = good["param_groups"]
    yield "groups twice", put(good, ["param_groups"], groups * 2)
    yield "params twice", put(good, ["param_groups", 0, "params"], [*groups[0]["params"], 0])
    for key in groups[0]:
        path = ["param_groups", 0, key]
        yield f"group without {key}", without(good, path)
        for value in ("x", math.nan, -1.0, [], None, math.inf, {}, 1j):
            yield f"group {key} = {value!r}", put(good, path, value)
    first = next((k for k, e in good["state"].items() if e), None)
    if first is None:
        return
    for value in (None, 3, [], "x"):
        yield f"state[0] = {value!r}", put(good, ["state", first], value)
    for key, value in good["state"][first].items():
        yield f"no {key}", without(good, ["state", first, key])
        for other in odd_values(value):
            shown = f"{other.dtype} {tuple(other.shape)}" if torch.is_tensor(other) else repr(other)
            yield f"{key} = {shown}", put(good, ["state", first, key], other)


def odd_values(value):
    """What an entry of the state must not be."""
    odd = ["x", [], {}, 1j, torch.zeros(7, 7, 7), torch.ones(2, dtype=torch.complex64)]
    if torch.is_tensor(value) and value.dim():
        odd += [None, value.to(torch.int64), value.bool(), value * math.nan, value[:1]]
        return [*odd, value.to_sparse(), value.to("meta")]
    return [*odd, -5.0, math.nan, math.inf, torch.tensor(-3.0), 0.5]


def judge(t, what, load, name):
    """Taken and trains on with finite numbers, or refused in plain words with nothing changed."""
    net = make_net()
    optimizer = steepest.make(name, net.named_parameters())
    train(net, optimizer, range(2))
    before = frozen(optimizer.state_dict()), weights(net)
    try:
        load(optimizer)
    except Exception as error:
        plain = type(error) in (ValueError, TypeError, RuntimeError)
        one = len(str(error).strip().splitlines()) == 1
        kind = f"{type(error).__name__}: {str(error)[:60]}"
        t.check(plain and one, f"{what}: {kind}")
        whole = frozen(optimizer.state_dict()) == before[0] and same(weights(net), before[1])
        t.check(whole, f"{what}: refused, but changed")
        return False
    try:
        train(net, optimizer, range(2, 4))
        finite = all(bool(torch.isfinite(w).all()) for w in weights(net))
        t.check(finite, f"{what}: taken, then NaN weights")
    except Exception as error:
        t.check(False, f"{what}: taken, then {type(error).__name__} at the step")
    return True


@case("F20", "Tampered state_dicts and optimizer files", heavy=True)
def tampered(t):
    """All or nothing, in plain words: refused in one line with nothing changed, or trains on."""
    warnings.simplefilter("ignore")
    tried = taken = 0
    names = [*CLASSES, "muonmax-momo"] if t.long else ["muon", "muonmax-momo", "adamw", "sgd"]
    for name in names:
        _, source = trained(name)
        for what, wrong in variants(source.state_dict()):
            load = lambda o, wrong=wrong: o.load_state_dict(wrong)  # noqa: E731
            taken += judge(t, f"{name}: {what}", load, name)
            tried += 1
    files = 0
    for name in names:
        for what, path in file_variants(t, name):
            load = lambda o, path=path: steepest.load(o, path)  # noqa: E731
            taken += judge(t, f"{name} file: {what}", load, name)
            files += 1
    return t.result(f"{tried} state_dicts and {files} files, {taken} taken")


def file_variants(t, name):
    folder = t.sub("files")
    _, source = trained(name)
    steepest.save(source, folder / "good.safetensors")
    tensors = load_file(folder / "good.safetensors")
    with safe_open(folder / "good.safetensors", framework="pt") as file:
        kept = {k: v for k, v in (file.metadata() or {}).items() if "crc" not in k}

    def written(what, tensors, metadata):
        path = folder / "wrong.safetensors"
        save_file({k: v.contiguous() for k, v in tensors.items()}, path, metadata)
        return what, path

    yield written("as it is", tensors, kept)
    for key in kept:
        yield written(f"no {key}", tensors, {k: v for k, v in kept.items() if k != key})
        for value in ("", "null", "{}", "[]", "x", "[1]", '"a"', "[null]", "[[[["):
            yield written(f"{key} = {value!r}", tensors, {**kept, key: value})
    groups = json.loads(kept["groups"])
    for rate in groups[0]:
        fewer = [{k: v for k, v in g.items() if k != rate} for g in groups]
        yield written(f"groups without {rate}", tensors, {**kept, "groups": json.dumps(fewer)})
        for value in (math.nan, -1, "x", None, [], 1e999):
            other = json.dumps([{**g, rate: value} for g in groups])
            yield written(f"{rate} = {value!r}", tensors, {**kept, "groups": other})
    for key, value in tensors.items():
        yield written(f"no {key}", {k: v for k, v in tensors.items() if k != key}, kept)
        for what, other in (
            ("int64", value.to(torch.int64)),
            ("bool", value.bool()),
            ("NaN", value.double() * math.nan),
            ("another shape", torch.zeros(3, 3)),
            ("negative", -value.double().abs() - 1),
        ):
            yield written(f"{key} {what}", {**tensors, key: other}, kept)
    yield written("another's tensor", {**tensors, "state.nobody.step": torch.ones(())}, kept)
    path = folder / "cut.safetensors"
    path.write_bytes((folder / "good.safetensors").read_bytes()[:-1])
    yield "cut", path
    path.write_bytes(struct.pack("<Q", 2**63) + b"{}")
    yield "a header of 2^63 bytes", path
