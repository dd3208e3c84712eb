# SPDX-License-Identifier: Apache-2.0
"""Builds what is published: a manylinux wheel for each version of torch that is at hand.

Usage: wheels.py [--torch FOLDER]... [--url URL] [--out FOLDER]        (make wheels)

A FOLDER has a torch package, as site-packages has; without --torch, that of this Python and those
that `make test-install FETCH=1` has downloaded. Each wheel has the trainer's command in it, needs
glibc 2.28 and serves every Python. It goes to <out>/ with its torch in the version (+torch2.15),
for a release page or an index of one's own; the newest torch's goes to <out>/pypi/ too, without, as
PyPI takes no such versions.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLATFORM = "manylinux_2_28_x86_64"
# What comes with torch, which is loaded before: never a copy of it in the wheel.
TORCHS = ["libtorch*.so", "libc10*.so", "libgomp.so.1"]
DEFINES = {"STEEPEST_TRAINER": "ON", "STEEPEST_MANYLINUX": "ON"}


def run(*command) -> str:
    """Runs a command in the repository; returns what it printed. A failure exits with that."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0:
        sys.exit(f"wheels: failed: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def series_of(folder: Path) -> str:
    """The minor version, "2.15", of the torch in ``folder``, which has a folder torch in it."""
    text = folder.joinpath("torch", "version.py").read_text()
    return re.search(r"__version__\s*=\s*['\"](\d+\.\d+)", text)[1]


def torches(given: list[Path]) -> dict[str, Path]:
    """The folders with a torch package to build for, by its minor version, the newest last.

    They are the ``given`` ones, else this Python's and those that the installation tests have
    fetched; of two of one version the first. Exits with a message where a folder has no torch.
    """
    folders = given
    if not folders:
        own = importlib.util.find_spec("torch")
        if own is None or own.origin is None:
            sys.exit(
                "wheels: this Python has no torch: run it with .venv's, or give --torch FOLDER"
            )
        fetched = (ROOT / "build" / "install-ways" / "torches").glob("torch-*")
        folders = [Path(own.origin).parents[1], *sorted(fetched)]
    found: dict[str, Path] = {}
    for folder in folders:
        if not (folder / "torch" / "version.py").is_file():
            sys.exit(f"wheels: --torch: received {folder}, allowed a folder with a torch package")
        found.setdefault(series_of(folder), folder.resolve())
    return dict(sorted(found.items(), key=lambda item: [int(x) for x in item[0].split(".")]))


def project_url() -> str:
    """The https address of the git remote origin, for the wheels' metadata; "" without one."""
    done = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=ROOT, capture_output=True, text=True
    )
    return done.stdout.strip().removesuffix(".git") if done.stdout.startswith("https:") else ""


def build(series: str, folder: Path, scratch: Path) -> Path:
    """Builds a wheel, with the trainer in it, for torch ``series`` ("2.15"); returns its file.

    ``folder`` has that torch package; the wheel is made in ``scratch``. auditwheel makes it a
    manylinux wheel, without torch's libraries. Exits where a command fails.
    """
    raw = scratch / "raw"
    settings = [f"-Ccmake.define.{name}={value}" for name, value in DEFINES.items()]
    settings.append(f"-Cbuild-dir=build/manylinux-{series}")
    environ = ["env", f"LIBTORCH_ROOT={folder / 'torch'}"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    run(*environ, *pip, "wheel", "-q", "--no-deps", *settings, "-w", raw, ROOT)
    [built] = raw.glob("*.whl")
    excluded = [word for name in TORCHS for word in ("--exclude", name)]
    tool = Path(sys.executable).with_name("auditwheel")
    auditwheel = tool if tool.exists() else "auditwheel"
    where = ["env", f"LD_LIBRARY_PATH={folder / 'torch' / 'lib'}"]
    run(*where, auditwheel, "repair", "--plat", PLATFORM, *excluded, "-w", scratch, built)
    [repaired] = scratch.glob("*.whl")
    return repaired


def publishable(wheel: Path, local: str, url: str, out: Path) -> Path:
    """Writes the wheel to ``out`` with its metadata completed; returns the new file.

    ``local`` is put behind the version ("+torch2.15", or "" for PyPI); ``url``, of the repository,
    gives the project URLs ("" for none). Returns ``out`` where that file was there already.
    """
    inside = wheel.parent / f"unpacked{local}"
    shutil.rmtree(inside, ignore_errors=True)
    run(sys.executable, "-m", "wheel", "unpack", "-d", inside, wheel)
    [root] = inside.iterdir()
    [info] = root.glob("*.dist-info")
    metadata = info / "METADATA"
    head, _, body = metadata.read_text(encoding="utf-8").partition("\n\n")
    version = re.search(r"^Version: (.*)$", head, re.M)[1]
    head = head.replace(f"\nVersion: {version}", f"\nVersion: {version}{local}")
    for name, page in (
        ("Repository", ""),
        ("Issues", "/issues"),
        ("Changelog", "/blob/main/CHANGELOG.md"),
    ):
        head += f"\nProject-URL: {name}, {url}{page}" if url else ""
    metadata.write_text(f"{head}\n\n{body}", encoding="utf-8")
    info.rename(root / f"steepest-{version}{local}.dist-info")
    before = set(out.glob("*.whl")) if out.exists() else set()
    out.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "wheel", "pack", "-d", out, root)
    return next(iter(set(out.glob("*.whl")) - before), out)


def main() -> None:
    """Builds a wheel for each torch into --out, and that of the newest again for PyPI."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", type=Path, action="append", default=[], metavar="FOLDER")
    parser.add_argument("--url", default=project_url(), help="the repository's address")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "wheels")
    options = parser.parse_args()
    out = options.out.resolve()
    if not options.url:
        print("wheels: no address of the repository is known: no project URLs; give --url")
    found = torches(options.torch)
    shutil.rmtree(out, ignore_errors=True)
    for series, folder in found.items():
        print(f"wheels: torch {series}", flush=True)
        scratch = out / f"scratch-{series}"
        wheel = build(series, folder, scratch)
        print(f"  {publishable(wheel, f'+torch{series}', options.url, out).name}")
        if series == list(found)[-1]:
            print(f"  pypi/{publishable(wheel, '', options.url, out / 'pypi').name}")
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
