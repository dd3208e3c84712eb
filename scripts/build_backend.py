# SPDX-License-Identifier: Apache-2.0
"""The build backend of pip install: scikit-build-core, with the torch of the environment.

pip and uv build in an environment of their own, without torch, while the library must be built with
the torch that it will run in. So we look for the Python that is installed into, and for what else a
build needs, before anything is fetched: pyproject.toml requires nothing, and get_requires_* refuse
or name what is missing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MIN_TORCH = (2, 11)
MIN_CMAKE = (3, 22)
REQUIRES = ["scikit-build-core>=1.1", "nlohmann-json>=3.11"]
NEXT = (
    "or name one with LIBTORCH_ROOT=<a wheel's torch folder>, or use "
    "pip install --no-build-isolation"
)


def _backend():
    """Imports scikit-build-core's backend, which does the work of the hooks below.

    It is installed once get_requires_* have named it; without build isolation it may be missing,
    and this exits with a message.
    """
    try:
        from scikit_build_core import build
    except ImportError:
        needed = " ".join(f"'{requirement}'" for requirement in REQUIRES)
        raise SystemExit(
            "steepest: build isolation is off, and this Python has no scikit-build-core; "
            f"first run: pip install {needed} cmake ninja"
        ) from None
    return build


def _pythons():
    """Yields the Pythons whose torch may serve: uv's target, where uv builds, and then this one."""
    if "UV_INTERNAL__BUILD_DIR" in os.environ:  # uv's own environment hides the other
        python = _python_of_uv(Path(f"/proc/{os.getppid()}"))
        if python:
            yield python
    yield Path(sys.executable)


def _python_of_uv(process: Path) -> Path | None:
    """The Python that uv, the process at ``process`` (/proc/PID), installs into.

    Found as uv chooses it: its option --python, VIRTUAL_ENV, CONDA_PREFIX, .venv in its folder or
    above. None where there is none of these, or no /proc.
    """
    try:
        words = process.joinpath("cmdline").read_text().split("\0")
        lines = process.joinpath("environ").read_text().split("\0")
        folder = process.joinpath("cwd").resolve()
    except OSError:  # another system than Linux
        return None
    environ = dict(line.split("=", 1) for line in lines if "=" in line)
    given = environ.get("UV_PYTHON", "")
    for word, after in zip(words, [*words[1:], ""]):
        if word in ("--python", "-p"):
            given = after
        elif word.startswith("--python="):
            given = word.partition("=")[2]
    if given:
        found = shutil.which(given, path=environ.get("PATH"))
        return Path(found) if found else Path(given) / "bin" / "python"
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if environ.get(name):
            return folder / environ[name] / "bin" / "python"
    nearby = (above / ".venv" / "bin" / "python" for above in [folder, *folder.parents])
    return next((python for python in nearby if python.exists()), None)


def _torch_of(python: Path) -> str:
    """The folder of this Python's torch package, which is not imported; "" where it has none."""
    find = (
        "import sys; sys.path = [p for p in sys.path if p]; import importlib.util as u; "
        "s = u.find_spec('torch'); print((s.submodule_search_locations or [''])[0] if s else '')"
    )
    hidden = ("PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONHOME")  # pip's, of the isolated build
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    try:
        done = subprocess.run([python, "-c", find], env=env, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _choose_torch() -> None:
    """Sets LIBTORCH_ROOT, the torch to build with, unless the caller has.

    Exits with a message where no Python in question has a torch, or the first one is too old.
    """
    if os.environ.get("LIBTORCH_ROOT"):
        return
    for python in _pythons():
        folder = _torch_of(python)
        if not folder:
            continue
        found = re.search(
            r"__version__\s*=\s*['\"]((\d+)\.(\d+)[^'\"]*)", Path(folder, "version.py").read_text()
        )
        if not found or (int(found[2]), int(found[3])) < MIN_TORCH:
            raise SystemExit(
                f"steepest: found torch {found[1] if found else '?'} in {folder}, which is older "
                f'than 2.11: pip install "torch>=2.11", {NEXT}'
            )
        os.environ["LIBTORCH_ROOT"] = str(Path(folder).resolve())
        return
    raise SystemExit(
        "steepest: found no torch in the Python that is installed into; first run: "
        f"pip install torch, {NEXT}"
    )


def _compiler() -> str:
    """The name of the C++ compiler that CMake will take; exits with a message without one."""
    named = os.environ.get("CXX")
    for name in [named.split()[0]] if named else ["c++", "g++", "clang++"]:
        if shutil.which(name):
            return name
    raise SystemExit(
        f"steepest: found no C++ compiler{f' {named}' if named else ''}: install g++ 12 or newer "
        "(Debian: apt-get install g++), or name one with CXX=<compiler>"
    )


def _has_headers(*names: str) -> bool:
    """Whether the compiler finds these headers by itself."""
    text = "".join(f"#include <{name}>\n" for name in names)
    command = [_compiler(), "-E", "-x", "c++", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True).returncode == 0


def _has_programs() -> bool:
    """Whether CMake, new enough, and Ninja are installed outside the build's own environment.

    That environment is thrown away after the build; a later rebuild needs them, too.
    """
    ours = sys.prefix if "UV_INTERNAL__BUILD_DIR" in os.environ else "pip-build-env-"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    path = os.pathsep.join(folder for folder in folders if ours not in folder)
    cmake, ninja = shutil.which("cmake", path=path), shutil.which("ninja", path=path)
    if not cmake or not ninja:
        return False
    said = subprocess.run([cmake, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"version (\d+)\.(\d+)", said)
    return bool(found) and (int(found[1]), int(found[2])) >= MIN_CMAKE


def _requires() -> list[str]:
    """The requirements that the build needs from the package index, beside torch.

    zlib, CMake and Ninja are among them only where they are not installed. Exits with a message
    where torch or the compiler is missing: before anything is downloaded.
    """
    _choose_torch()
    zlib = [] if _has_headers("zlib.h") else ["cmeel-zlib>=1.3"]
    return REQUIRES + zlib + ([] if _has_programs() else ["cmake>=3.22,<4", "ninja"])


def get_requires_for_build_wheel(config_settings=None):
    """PEP 517's hook: what scikit-build-core and the library need."""
    return _requires()


def get_requires_for_build_editable(config_settings=None):
    """PEP 660's hook: as for a wheel."""
    return _requires()


def get_requires_for_build_sdist(config_settings=None):
    """PEP 517's hook; an archive of the sources needs neither torch nor a compiler."""
    return REQUIRES


def prepare_metadata_for_build_wheel(*args, **kwargs):
    """PEP 517's hook: scikit-build-core's, after torch is chosen, which the metadata requires."""
    _choose_torch()
    return _backend().prepare_metadata_for_build_wheel(*args, **kwargs)


def prepare_metadata_for_build_editable(*args, **kwargs):
    """PEP 660's hook: scikit-build-core's, after torch is chosen, which the metadata requires."""
    _choose_torch()
    return _backend().prepare_metadata_for_build_editable(*args, **kwargs)


def build_sdist(*args, **kwargs):
    """PEP 517's hook: scikit-build-core's."""
    return _backend().build_sdist(*args, **kwargs)


def build_wheel(*args, **kwargs):
    """PEP 517's hook: scikit-build-core's, with the torch of the Python that is installed into."""
    _choose_torch()
    return _backend().build_wheel(*args, **kwargs)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    """PEP 660's hook: scikit-build-core's, with the torch of the Python that is installed into.

    Importing the package builds what has changed, unless the build took a tool or header from its
    own environment, which does not outlive it.
    """
    _choose_torch()
    settings = dict(config_settings or {})
    if not (_has_programs() and _has_headers("zlib.h", "nlohmann/json.hpp")):
        settings.setdefault("editable.rebuild", "false")
        print(
            "steepest: no rebuild on import: needs cmake, ninja, zlib and nlohmann-json installed"
        )
    return _backend().build_editable(wheel_directory, settings, metadata_directory)
