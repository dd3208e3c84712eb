# SPDX-License-Identifier: Apache-2.0
"""Usage: check_python.py torch|extras. Exits 0 if this Python has them; prints what it found.

Nothing is imported: importing torch takes seconds, and fails where CUDA libraries are broken.
"""

import importlib.util
import pathlib
import re
import sys

MIN_TORCH = (2, 11)
EXTRAS = ["numpy", "matplotlib", "safetensors", "pytest"]

sys.path = [p for p in sys.path if p and not p.endswith("/scripts")]


def torch_folder():
    """The folder that holds this Python's torch package, site-packages as a rule.

    Exits with status 1 where there is no torch, or one that is too old or has no C++ headers.
    """
    spec = importlib.util.find_spec("torch")
    if not spec or not spec.origin:
        sys.exit(1)
    folder = pathlib.Path(spec.origin).parent
    found = re.search(
        r"__version__\s*=\s*'((\d+)\.(\d+)[^']*)'", (folder / "version.py").read_text()
    )
    if not found or (int(found[2]), int(found[3])) < MIN_TORCH:
        print(f"torch {found[1] if found else '?'} in {folder} is too old", file=sys.stderr)
        sys.exit(1)
    if not (folder / "include" / "ATen" / "ATen.h").exists():
        print(f"torch in {folder} came without its C++ headers", file=sys.stderr)
        sys.exit(1)
    return folder.parent


if sys.argv[1:] == ["torch"]:
    print(torch_folder())
elif sys.argv[1:] == ["extras"]:
    missing = [name for name in EXTRAS if not importlib.util.find_spec(name)]
    print(" ".join(missing))
    sys.exit(1 if missing else 0)
else:
    sys.exit(__doc__)
