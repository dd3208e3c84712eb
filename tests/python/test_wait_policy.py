# SPDX-License-Identifier: Apache-2.0
"""How the trainer's threads wait, as OpenMP itself reports what it has read."""

import os
import re
import subprocess

import pytest

from trainer import CLI


def spins(*args, **env):
    """How often a waiting thread spins, of each time that the program was started."""
    said = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "OMP_NUM_THREADS")
    plain = {key: value for key, value in os.environ.items() if key not in said}
    done = subprocess.run(
        [CLI, *args],
        env={**plain, "OMP_DISPLAY_ENV": "VERBOSE", **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return [int(n) for n in re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)]


@pytest.mark.parametrize("command", ["train", "eval", "sample"])
def test_threads_that_compute_soon_sleep_while_they_wait(command):
    first, second = spins(command, "nothing")
    assert first > second == 1000


@pytest.mark.parametrize(
    "env",
    [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "7"}, {"OMP_NUM_THREADS": "1"}],
    ids=str,
)
def test_what_the_user_says_stays(env):
    (count,) = spins("train", "nothing", **env)
    assert count > 0


def test_a_command_that_computes_nothing_starts_once():
    assert len(spins("list")) == 1
    assert len(spins()) == 1
