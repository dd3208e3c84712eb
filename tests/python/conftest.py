# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package share."""

import os

import pytest
import torch

# STEEPEST_TEST_DEVICE=standin: what a test makes without naming a device lies on the stand-in.
if os.environ.get("STEEPEST_TEST_DEVICE") == "standin":
    import standin

    torch.set_default_device(standin.load())


@pytest.fixture(autouse=True)
def _seeded():
    """Every test from the same numbers, whatever ran before it."""
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
