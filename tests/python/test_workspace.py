# SPDX-License-Identifier: Apache-2.0
"""What a step on the CPU keeps for the next one: bounded, and made by the first."""

import pytest
import torch

import steepest


def matrices(*shapes):
    generator = torch.Generator().manual_seed(0)
    params = [torch.randn(s, generator=generator) for s in shapes]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)
    return params


@pytest.mark.parametrize("duals", ["fresh", "stale"])
def test_the_first_step_allocates_what_all_need(duals):
    params = matrices((200, 300), (200, 300), (300, 200), (64, 64), (256, 1024))
    optimizer = steepest.MuonMax(params, duals=duals, polar="fast_jordan")
    for _ in range(2):  # the second is the first with stale duals
        optimizer.step()
    before = steepest.workspace_bytes()
    for _ in range(3):
        optimizer.step()
    assert steepest.workspace_bytes() == before


def test_it_is_bounded_by_the_short_side():
    n = 320
    before = steepest.workspace_bytes()
    optimizer = steepest.Muon(matrices((n, 4 * n), (n, 4 * n)), polar="fast_jordan")
    optimizer.step()
    squares, stretch, panels = 4 * n * n, 1 << 20, 4 * n * 512
    assert steepest.workspace_bytes() - before <= torch.get_num_threads() * 4 * (
        squares + stretch + panels
    )


def test_directions_of_a_step_are_those_of_the_function():
    """In place or not: momentum of the first step is the gradient, and no one writes over it."""
    params = matrices((30, 40), (30, 40), (50, 20))
    before = [(p.clone(), p.grad.clone()) for p in params]
    steepest.SteepestDescent(params, lr=1.0, polar="fast_jordan").step()
    for p, (w, g) in zip(params, before):
        assert torch.equal(p.grad, g)
        direction = steepest.polar(g, "fast_jordan")
        assert torch.allclose(w - p, direction, atol=1e-5)
