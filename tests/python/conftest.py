# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package share."""

import pytest
import torch


@pytest.fixture(autouse=True)
def _seeded():
    """Every test from the same numbers, whatever ran before it."""
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)
