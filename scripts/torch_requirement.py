# SPDX-License-Identifier: Apache-2.0
"""What a built package requires: torch of the minor version that it was built with.

torch's C++ ABI changes with every minor version, so a wheel fits one. An archive of the sources
fits all that the sources allow.
"""

from __future__ import annotations

import os
import re
from pathlib import Path


class Requirement:
    """The provider that scikit-build-core asks: see pyproject.toml."""

    def __init__(self) -> None:
        self._is_sdist = False

    def build_state(self, state: str) -> None:
        """Called first, with what is being built."""
        self._is_sdist = state == "sdist"

    def dynamic_metadata(self, settings, project):
        """The part of [project] that depends on the torch at hand."""
        return {"dependencies": ["torch>=2.11,<3" if self._is_sdist else self._built_with()]}

    def dynamic_wheel(self, settings):
        """Whether a field may differ between the archive and a wheel."""
        return {"dependencies": True}

    def _built_with(self) -> str:
        header = Path(os.environ["LIBTORCH_ROOT"], "include/torch/headeronly/version.h")
        found = dict(re.findall(r"#define TORCH_VERSION_(\w+) +(\d+)", header.read_text()))
        return f"torch=={found['MAJOR']}.{found['MINOR']}.*"
