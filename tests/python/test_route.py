# SPDX-License-Identifier: Apache-2.0
"""Which parameter goes where, in families of models, against tables read line by line.

Needs torch; the families of transformers, timm and peft join where these are installed.
STEEPEST_UPDATE=1 writes the tables anew; read the difference before keeping it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from route_models import FAMILIES, InOutExperts, Lora, Moe, UNet
from torch import nn

from steepest.route import route

REQUIREMENTS = ["torch>=2.11", "transformers", "timm", "peft"]
TABLES = Path(__file__).parent / "routes"


def groups_of(routes):
    """Each parameter's group, by name."""
    return {name: group for group in routes for name, _ in group["params"]}


def layout(group):
    keys = ("view", "transposed", "split_sizes", "num_heads", "split_dim")
    return tuple(group[key] for key in keys)


@pytest.mark.parametrize("family", FAMILIES)
def test_table(family):
    table = str(route(FAMILIES[family]())) + "\n"
    path = TABLES / f"{family}.txt"
    if os.environ.get("STEEPEST_UPDATE"):
        path.write_text(table)
    assert table == path.read_text()


@pytest.mark.parametrize("family", FAMILIES)
def test_groups_hold_every_trained_parameter_once(family):
    model = FAMILIES[family]()
    routes = route(model)
    routed = [name for group in routes for name, _ in group["params"]]
    skipped = list(routes.skipped)
    assert sorted(routed + skipped) == sorted(name for name, _ in model.named_parameters())
    assert routes.reasons.keys() == set(routed)
    seen = [(g["role"], str(layout(g))) for g in routes]
    assert len(seen) == len(set(seen))
    assert [g["role"] for g in routes] == sorted((g["role"] for g in routes), reverse=True)
    torch.optim.SGD(list(routes), lr=0.1)  # torch takes the groups as they are


def test_stored_tables_are_all_of_a_family():
    """A missing library may leave tables over, never one of a family written with torch alone."""
    stored = {path.stem for path in TABLES.glob("*.txt")}
    assert set(FAMILIES) <= stored
    assert len([name for name in stored if name.startswith("torch_")]) >= 6
    assert len(stored) >= 20


@pytest.mark.parametrize("family", FAMILIES)
def test_names_and_shapes_alone_agree_on_what_is_no_matrix(family):
    """Without modules, nothing that is an embedding, head, norm or bias becomes a matrix."""
    model = FAMILIES[family]()
    known, guessed = groups_of(route(model)), groups_of(route(list(model.named_parameters())))
    for name, group in guessed.items():
        assert group["role"] == "backup" or known[name]["role"] == "matrix", name


def test_names_and_shapes_find_layouts():
    shapes = {"h.0.attn.c_attn.weight": (8, 24), "h.0.mlp.c_fc.weight": (8, 32)}
    shapes |= {"x.in_proj_weight": (24, 8), "conv.weight": (8, 4, 3, 3), "wte.weight": (50, 8)}
    shapes |= {"experts.gate_up_proj": (4, 8, 12), "experts.down_proj": (4, 6, 8)}
    groups = groups_of(route((name, torch.empty(shape)) for name, shape in shapes.items()))
    assert layout(groups["h.0.attn.c_attn.weight"]) == ("flatten", True, [8, 8, 8], None, 1)
    assert layout(groups["h.0.mlp.c_fc.weight"]) == ("flatten", True, None, None, 0)
    assert layout(groups["x.in_proj_weight"]) == ("flatten", False, [8, 8, 8], None, 0)
    assert layout(groups["experts.gate_up_proj"]) == ("batch", True, [6, 6], None, 1)
    assert layout(groups["experts.down_proj"]) == ("batch", True, None, None, 0)
    assert groups["conv.weight"]["role"] == groups["wte.weight"]["role"] == "backup"


def test_what_the_user_asks_for_comes_first():
    model = Moe()
    views = {"rnn.weight_*": {}, "router.*": {"transposed": True}}
    routes = route(model, backup=["experts.*"], matrix=["output.weight", "experts.*"], views=views)
    groups = groups_of(routes)
    assert groups["experts.down_proj"]["role"] == "backup"
    assert groups["output.weight"]["role"] == "matrix"
    assert routes.reasons["output.weight"] == "asked for"
    assert layout(groups["rnn.weight_hh_l0"]) == ("flatten", False, None, None, 0)
    assert groups["router.weight"]["transposed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backup": ["nothing.*"]}, 'received glob "nothing.*", which matches no parameter'),
        ({"views": {"x*": {}}}, 'received glob "x*", which matches no parameter'),
        ({"views": {"*": {"batched": True}}}, 'views: received "batched"'),
        ({"views": {"*": {"view": "stack"}}}, 'view: received "stack", allowed flatten, batch'),
        ({"matrix": ["0.bias"]}, "0.bias: role matrix: received shape (6,)"),
        ({"views": {"0.weight": {"num_heads": 4}}}, "num_heads: received 4, allowed a divisor"),
        ({"views": {"0.weight": {"split_sizes": [2, 3]}}}, "split_sizes: received [2, 3]"),
        ({"views": {"0.weight": {"num_heads": 2, "split_dim": 2}}}, "split_dim: received 2"),
    ],
)
def test_the_impossible_is_an_error(options, message):
    with pytest.raises(ValueError) as error:
        route(nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 4)), **options)
    assert message in str(error.value)


def test_what_is_no_model():
    with pytest.raises(TypeError, match="allowed .name, tensor. pairs"):
        route([torch.empty(2, 2)])
    with pytest.raises(ValueError, match="received no shape yet"):
        route(nn.LazyLinear(3))


def test_tied_parameters_appear_once_whatever_comes_first():
    class Late(nn.Module):
        def __init__(self):
            super().__init__()
            self.out, self.table = nn.Linear(8, 30, bias=False), nn.Embedding(30, 8)
            self.table.weight = self.out.weight

    assert route(Late()).reasons == {"out.weight": "embedding, tied"}


def test_order_is_the_models_and_text_is_short_where_it_should_be():
    assert repr(route(UNet())) == "<Routes: 17 parameters in 3 groups, 0 skipped>"
    first, again = route(Lora()), route(Lora())
    assert str(first) == str(again)
    assert list(first.skipped) == ["quantised", "embed.weight", "q_proj.weight", "q_proj.bias"]
    assert first.skipped["quantised"] == "not floating point: int8"


def test_an_in_out_stack_without_bias_follows_the_hidden_size():
    model = InOutExperts()
    del model.w1_bias
    assert all(group["transposed"] for group in route(model))


def test_nothing_but_torch_is_imported():
    code = "import sys, steepest.route as r; print('transformers' in sys.modules)"
    path = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path},
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout.strip() == "False"
