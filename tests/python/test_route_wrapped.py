# SPDX-License-Identifier: Apache-2.0
"""A wrapped model is routed as the bare one, and guesses are counted."""

from __future__ import annotations

import time

import pytest
import torch
from route_models import ResNet
from route_parts import Frozen, block, linear, mlp, of
from torch import nn
from torch.nn.utils import parametrizations

from steepest.route import route


class Asked(nn.Module):
    """Only its method says which layer is the head."""

    def __init__(self, method: str = "get_output_embeddings") -> None:
        super().__init__()
        self.inp, self.body = nn.Embedding(100, 16), nn.Linear(16, 16)
        self.to_vocab, self.last = nn.Linear(16, 90, bias=False), nn.Linear(16, 16)
        self.method = method


class AskedWords(Asked):
    def get_output_embeddings(self) -> nn.Module:
        return self.to_vocab


class AskedImages(Asked):
    def get_classifier(self) -> nn.Module:
        return nn.Sequential(self.last, self.to_vocab)


class Headless(Asked):
    def get_output_embeddings(self) -> None:
        return None


class Raising(Asked):
    def get_classifier(self) -> nn.Module:
        raise RuntimeError("no classifier")


def holder(model: nn.Module) -> nn.Module:
    """As a LightningModule: the model beside what has no parameters."""
    outer = Frozen("model", model)
    outer.loss = nn.CrossEntropyLoss()
    return outer


WRAPPERS = {
    "DataParallel": nn.DataParallel,
    "DistributedDataParallel": lambda m: Frozen("module", m),
    "compile": lambda m: torch.compile(m, backend="eager"),
    "AveragedModel": torch.optim.swa_utils.AveragedModel,
    "Sequential": nn.Sequential,
    "holder": holder,
    "FSDP": lambda m: Frozen("_fsdp_wrapped_module", m),
    "engine": lambda m: Frozen("module", m),
    "twice": lambda m: nn.DataParallel(torch.compile(holder(m), backend="eager")),
}
MODELS = {
    "get_output_embeddings": AskedWords,
    "get_classifier": AskedImages,
    "answers None": Headless,
    "raises": Raising,
    "by name": ResNet,
    "by position": lambda: mlp(8, 16, 16, 4),
    "blocks": lambda: of("Net", stem=linear(4, 16), blocks=[block(), block()], fc=linear(16, 4)),
    "weight_norm": lambda: nn.Sequential(*[parametrizations.weight_norm(linear(8, 8))] * 2),
}


def judged(model) -> list[tuple]:
    return [(r.shape, r.role, r.layout, r.reason) for r in route(model).rows]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("model", MODELS)
def test_wrapped_as_bare(model, wrapper):
    bare = MODELS[model]()
    assert judged(WRAPPERS[wrapper](bare)) == judged(bare)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model."])
def test_prefixes_of_names_do_not_matter(prefix):
    pairs = list(MODELS["blocks"]().named_parameters())
    assert judged((prefix + name, p) for name, p in pairs) == judged(pairs)


def test_what_a_model_says_of_its_head_comes_before_names_and_position():
    reasons = {model: route(MODELS[model]()).reasons for model in list(MODELS)[:4]}
    assert reasons["get_output_embeddings"]["to_vocab.weight"].endswith("get_output_embeddings")
    assert reasons["get_output_embeddings"]["last.weight"] == "matrix"
    assert reasons["get_classifier"]["to_vocab.weight"] == "output head: get_classifier"
    assert reasons["get_classifier"]["last.weight"] == "matrix"
    assert reasons["answers None"]["last.weight"] == "matrix"  # there is none: no guess
    assert reasons["raises"]["last.weight"] == "output head by name"


def test_a_model_in_a_part_of_another_is_asked_too():
    routes = route(of("WithValue", pretrained=AskedWords(), v_head=linear(16, 2)))
    heads = [name for name, reason in routes.reasons.items() if "head" in reason]
    assert heads == ["pretrained.to_vocab.weight", "v_head.weight"]


def test_guesses_are_named_and_counted():
    table = str(route(mlp(8, 16, 16, 4)))
    assert table.endswith("\n1 non-matrix by shape or position only")
    bare = of("Mine", first=(8, 16), second=(8, 8), net=linear(8, 8), out=linear(8, 4))
    assert str(route(bare)).endswith("\n2 matrices by shape only")
    assert route(bare).reasons["first"] == "matrix of Mine by shape, taken as (out, in)"
    certain = of("Net", stem=linear(4, 8), mid=linear(8, 8), head=linear(8, 4))
    assert "by shape" not in str(route(certain))


def test_names_alone_are_a_guess_and_a_chosen_part_has_no_last_layer():
    pairs = list(mlp(8, 16, 16, 4).named_parameters())
    assert str(route(pairs)).endswith(
        "\n2 matrices by shape only, 1 non-matrix by shape or position only"
    )
    chosen = [(name, p) for name, p in pairs if p.dim() == 2]
    assert {r.role for r in route(chosen).rows} == {"matrix"}
    words = [("table.weight", torch.empty(9000, 16)), ("up.weight", torch.empty(64, 16))]
    assert route(words).reasons["table.weight"] == "embedding or output head by shape"


def test_many_parameters_take_time_in_proportion():
    """No rule looks through all parameters for each."""

    def seconds(count: int) -> float:
        pairs = [(f"layers.{i}.q_proj.weight", torch.empty(4, 4)) for i in range(count)]
        start = time.process_time()
        assert len(route(pairs).rows) == count
        return time.process_time() - start

    few = min(seconds(1000) for _ in range(3))
    assert seconds(8000) < 8 * 4 * few  # quadratic would be 64


def test_the_entries_of_a_list_are_what_its_name_says():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.mid = torch.nn.Linear(8, 8)
            for name in ("codebooks", "prompts", "factors"):
                entries = [torch.nn.Parameter(torch.randn(6, 8)) for _ in range(2)]
                setattr(self, name, torch.nn.ParameterList(entries))

    roles = {row.name: row.role for row in route(Net()).rows}
    for name, role in (("codebooks", "backup"), ("prompts", "backup"), ("factors", "matrix")):
        assert {roles[f"{name}.0"], roles[f"{name}.1"]} == {role}
