# SPDX-License-Identifier: Apache-2.0
"""What the optimizer hands to torch.ops.steepest.step_, for tests that spoil it."""

import torch

import steepest
from steepest import _state


class Step:
    """What SteepestDescent hands to step_, as a dict that a test may spoil."""

    def __init__(self, **options):
        torch.manual_seed(0)
        self.params = [torch.randn(4, 6), torch.randn(3, 4, 4), torch.randn(5)]
        named = [(f"layer.{i}", p) for i, p in enumerate(self.params)]
        optimizer = steepest.SteepestDescent(named, **options)
        for p in self.params:
            p.grad = torch.randn_like(p)
        for _ in range(2):
            optimizer.step(loss=torch.tensor(1.5)) if optimizer._momo() else optimizer.step()
        plan = optimizer._plan()
        bound = _state.bind(plan, optimizer.state, self.params)
        first, none = optimizer.param_groups[0], torch.empty(0)
        lr, decay, momentum = plan.rates(optimizer.param_groups)
        self.arguments = {
            "params": bound.params,
            "grads": [p.grad for p in self.params],
            "steps": bound.steps,
            "state": bound.tensors,
            "momo_step": first["momo_step"] if optimizer._momo() else none,
            "momo": first["momo"] if optimizer._momo() else none,
            "stats": torch.zeros(4 + plan.leaf_count, dtype=torch.float64),
            "plan": plan.text,
            "live": bound.live,
            "lr": lr,
            "weight_decay": decay,
            "momentum": momentum,
            "loss": torch.tensor(1.5) if optimizer._momo() else None,
        }

    def tensors(self):
        lists = [self.arguments[key] for key in ("params", "steps", "state")]
        return [t for list_ in lists for t in list_] + [self.arguments["momo"]]

    def copy(self):
        return [t.clone() for t in self.tensors()]

    def unchanged(self, before):
        return all(torch.equal(a, b) for a, b in zip(self.tensors(), before))


def one_line(error):
    text = str(error.value)
    assert "\n" not in text.strip(), text
    assert "json.exception" not in text and "INTERNAL ASSERT" not in text, text
    assert len(text) < 500, text
    return text


OPTIONS = [
    {"norm": "spectral", "backup": "ada_inf", "lr": 0.01},
    {"norm": "spectral", "lr": 0.01, "step_size": "momo", "outer": "l2", "duals": "stale"},
]
