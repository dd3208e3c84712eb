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

    # scikit-build-core makes it, and says by build_state what is being built.
    def __init__(self) -> None:
        self._is_sdist = False

    def build_state(self, state: str) -> None:
        """Remembers whether a source archive is being built: ``state`` is then "sdist".

        scikit-build-core calls it before the other hooks; other states are of wheels.
        """
        self._is_sdist = state == "sdist"

    def dynamic_metadata(self, settings, project):
        """scikit-build-core's hook: returns "dependencies" of [project], the torch required.

        A wheel requires the minor version it is built with, whose ABI it has; a source archive any
        that can be built with. ``settings`` and ``project`` are not used.
        """
        return {"dependencies": ["torch>=2.11,<3" if self._is_sdist else self._built_with()]}

    def dynamic_wheel(self, settings):
        """scikit-build-core's hook: returns, by field, whether a wheel may differ from the archive.

        "dependencies" does, see dynamic_metadata: the archive's metadata then marks it as Dynamic,
        as the standard asks. ``settings`` is not used.
        """
        return {"dependencies": True}

    # The requirement of a wheel, "torch==2.11.*", from the headers of the torch it is built with,
    # which the build backend has named in LIBTORCH_ROOT.
    def _built_with(self) -> str:
        header = Path(os.environ["LIBTORCH_ROOT"], "include/torch/headeronly/version.h")
        found = dict(re.findall(r"#define TORCH_VERSION_(\w+) +(\d+)", header.read_text()))
        return f"torch=={found['MAJOR']}.{found['MINOR']}.*"
