# SPDX-License-Identifier: Apache-2.0
"""The build backend of pip install: scikit-build-core, with the torch of the environment.

pip builds in an environment of its own, without torch, while the library must be built with the
torch that it will run in: the one in the Python that runs pip.
"""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from pathlib import Path

from scikit_build_core import build as _backend

get_requires_for_build_sdist = _backend.get_requires_for_build_sdist
get_requires_for_build_wheel = _backend.get_requires_for_build_wheel
get_requires_for_build_editable = _backend.get_requires_for_build_editable
prepare_metadata_for_build_wheel = _backend.prepare_metadata_for_build_wheel
prepare_metadata_for_build_editable = _backend.prepare_metadata_for_build_editable
build_sdist = _backend.build_sdist


def _choose_torch() -> None:
    """Sets LIBTORCH_ROOT unless the caller has, or this very environment has torch."""
    if os.environ.get("LIBTORCH_ROOT") or importlib.util.find_spec("torch"):
        return
    for key in ("platlib", "purelib"):
        torch = Path(sysconfig.get_path(key)) / "torch"
        if (torch / "lib").is_dir():
            os.environ["LIBTORCH_ROOT"] = str(torch)
            return
    raise SystemExit(
        "steepest: found no torch in this Python: install it first (pip install torch), or name "
        "one with LIBTORCH_ROOT=<a wheel's torch folder>, or use pip install --no-build-isolation"
    )


def build_wheel(*args, **kwargs):
    """PEP 517's hook: scikit-build-core's, with the torch of the Python that runs pip."""
    _choose_torch()
    return _backend.build_wheel(*args, **kwargs)


def build_editable(*args, **kwargs):
    """PEP 660's hook: scikit-build-core's, with the torch of the Python that runs pip."""
    _choose_torch()
    return _backend.build_editable(*args, **kwargs)
