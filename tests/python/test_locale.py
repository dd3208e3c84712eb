# SPDX-License-Identifier: Apache-2.0
"""Numbers are read and printed with a point where the program's locale writes a comma."""

import os
import shutil
import subprocess
import sys

import pytest

NAME = "de_DE.UTF-8"

PROGRAM = """
import locale, sys, tempfile, os
locale.setlocale(locale.LC_ALL, "de_DE.UTF-8")
assert locale.localeconv()["decimal_point"] == ",", "no comma"
import torch
import steepest
from steepest._library import ops

torch.manual_seed(0)
p = torch.nn.Parameter(torch.randn(6, 4))
named = [("w", p)]
mixture = "0.5*spectral+0.25*inf"
optimizer = steepest.SteepestDescent(named, lr=0.125, radius=0.25, norm=mixture)
scaled = steepest.SteepestDescent(named, lr=0.125, radius="0.5*scion", norm="schatten(p=1.5)")
momo = steepest.make("muonmax-momo", named, f_star=-0.5)
for each in (optimizer, scaled, momo):
    p.grad = torch.randn_like(p)
    each.step(loss=torch.tensor(1.5)) if each is momo else each.step()
assert '0.25' in optimizer._plan().table and "," not in optimizer._plan().table
assert optimizer._plan().recipe["matrix"]["norm"] == mixture
folder = tempfile.mkdtemp()
path = os.path.join(folder, "state")
steepest.save(momo, path)
steepest.load(momo, path)

try:
    steepest.SteepestDescent(named, lr=-0.5)
except ValueError as error:
    assert "-0.5" in str(error), error
print("done")
"""


@pytest.fixture(scope="module")
def comma(tmp_path_factory):
    """A folder with a locale that writes a comma."""
    folder = tmp_path_factory.mktemp("locales")
    localedef = shutil.which("localedef")
    if localedef is None:
        pytest.skip("no localedef on this system")
    made = subprocess.run(
        [localedef, "-i", "de_DE", "-f", "UTF-8", str(folder / NAME)], capture_output=True
    )
    if not (folder / NAME).exists():
        pytest.skip(f"localedef made no {NAME}: {made.stderr.decode()[:200]}")
    return folder


def test_a_comma_locale_changes_nothing(comma):
    environment = {**os.environ, "LOCPATH": str(comma), "LC_ALL": NAME}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.strip() == "done"
