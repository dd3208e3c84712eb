# SPDX-License-Identifier: Apache-2.0
"""What ways.py installs into: environments with a torch that is linked, not downloaded."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# What torch imports and the package needs, for a Python that cannot load the compiled rest.
PURE = (
    r"(nvidia|cuda|sympy|mpmath|networkx|jinja2|markupsafe|filelock|fsspec|setuptools|typing_ext)"
)

PROGRAM = """
import sys, torch, steepest
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.ReLU(), torch.nn.Linear(16, 4))
opt = steepest.MuonMax(model)
x, y = torch.randn(32, 8), torch.randint(4, (32,))
losses = []
for _ in range(10):
    opt.zero_grad()
    losses.append(torch.nn.functional.cross_entropy(model(x), y))
    losses[-1].backward()
    opt.step()
assert losses[-1] < losses[0]
python = sys.version.split()[0]
print(f"steepest {steepest.__version__}, torch {torch.__version__}, Python {python}")
"""


class Failed(Exception):
    """A way that did not hold, or, with `skipped`, one that cannot be tried here."""

    def __init__(self, message: str, skipped: bool = False) -> None:
        super().__init__(" ".join(message.split()))
        self.skipped = skipped


@dataclass
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str
    seconds: float
    cpu_seconds: float

    def checked(self) -> Done:
        if self.returncode != 0:
            raise Failed(f"exit code {self.returncode}: {(self.stdout + self.stderr)[-1500:]}")
        return self


def torch_folder() -> Path:
    """The site-packages folder that has this Python's torch, which is not imported."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        sys.exit("ways.py: this Python has no torch; run it with the one in .venv")
    return Path(spec.origin).resolve().parents[1]


def torch_version() -> str:
    return importlib.metadata.version("torch").partition("+")[0]


class Scratch:
    """The folder in which everything happens: a copy of the sources, wheels, environments."""

    def __init__(self, folder: Path, fetch: bool) -> None:
        self.folder, self.fetch = folder, fetch
        self.source, self.wheels = folder / "source", folder / "wheels"
        self.version = torch_version()
        self.python = "{}.{}".format(*sys.version_info)
        shutil.rmtree(self.source, ignore_errors=True)
        shutil.rmtree(self.wheels, ignore_errors=True)
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (self.source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.source / name)

    def wheel(self, torch: str = "") -> Path:
        """The wheel that an earlier way has made, with this torch or with the one linked to."""
        found = sorted((self.wheels / torch).glob("steepest-*.whl"))
        if not found:
            raise Failed("needs the way that makes the wheel", skipped=True)
        return found[0]

    def interpreter(self, version: str) -> Path:
        """The Python of a version; pyenv's are found too."""
        if version == self.python:
            return Path(sys.executable)
        found = shutil.which(f"python{version}")
        for candidate in [*Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), found]:
            if candidate and run([candidate, "-c", "import ensurepip, venv"]).returncode == 0:
                return Path(candidate)
        raise Failed(f"no Python {version} here", skipped=True)

    def torch_for(self, version: str, python: str) -> Path:
        """A folder with this torch, built for this Python."""
        if (version, python) == (self.version, self.python):
            return torch_folder()
        folder = self.folder / "torches" / f"torch-{version}-py{python}"
        if not (folder / "torch").is_dir():
            interpreter = self.interpreter(python)
            if not self.fetch:
                raise Failed(
                    f"no {folder.name} in {folder.parent.name}/: use --fetch", skipped=True
                )
            words = ["-m", "pip", "install", "-q", "--no-deps", "--target", folder]
            done = run([interpreter, *words, f"torch=={version}"])
            if "No matching distribution" in done.stderr:
                raise Failed(f"torch {version} is not built for Python {python}", skipped=True)
            done.checked()
        # Its libraries look for CUDA's beside them.
        if not (folder / "nvidia").exists() and (torch_folder() / "nvidia").is_dir():
            (folder / "nvidia").symlink_to(torch_folder() / "nvidia")
        return folder


class Environment:
    """A new virtual environment; torch and what it needs are links to where they are installed."""

    def __init__(
        self, scratch: Scratch, name: str, python: str = "", torch: Path | None | str = "own"
    ) -> None:
        self.folder = scratch.folder / "environments" / name
        shutil.rmtree(self.folder, ignore_errors=True)
        interpreter = scratch.interpreter(python or scratch.python)
        run([interpreter, "-m", "venv", self.folder]).checked()
        self.packages = next(self.folder.glob("lib/python*/site-packages"))
        if torch is not None:
            own = torch_folder()
            same = (python or scratch.python) == scratch.python
            self._link(own, (lambda name: True) if same else re.compile(PURE, re.I).match)
            if torch not in ("own", own):
                self._link(Path(torch), re.compile(r"(torch|functorch|typing_ext)").match)

    def _link(self, folder: Path, wanted) -> None:
        for path in folder.iterdir():
            if re.match(r"(pip|steepest|wheel|scikit_build|nlohmann)\b|.*\.pth$|_", path.name):
                continue
            if wanted(path.name):
                if path.name.endswith("-info"):  # another version's, of the first folder
                    for old in self.packages.glob(re.split(r"-\d", path.name)[0] + "-*-info"):
                        self._remove(old)
                self._remove(self.packages / path.name)
                (self.packages / path.name).symlink_to(path)

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def python(self, *words, **environ: str) -> Done:
        # Not from the repository, whose folder python/steepest is no installed package.
        return run([self.folder / "bin" / "python", *words], cwd=self.folder, **environ)

    def pip(self, *words, **environ: str) -> Done:
        return self.python("-m", "pip", "--disable-pip-version-check", *words, **environ)

    def uv(self, *words) -> Done:
        uv = shutil.which("uv", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if uv is None:
            raise Failed("no uv here: pip install uv", skipped=True)
        return run([uv, "pip", *words], cwd=self.folder, VIRTUAL_ENV=str(self.folder))

    def command(self, name: str, *words) -> Done:
        return run([self.folder / "bin" / name, *words], cwd=self.folder)

    def use(self) -> str:
        """Trains a few steps with the installed package; returns the versions."""
        return self.python("-c", PROGRAM).checked().stdout.strip().splitlines()[-1]


def run(command, cwd: Path | None = None, **environ: str) -> Done:
    """Runs the command without what would lead it to this repository's own build."""
    hidden = ("PYTHONPATH", "STEEPEST_LIBRARY", "LIBTORCH_ROOT", "VIRTUAL_ENV", "CONDA_PREFIX")
    kept = {name: value for name, value in os.environ.items() if name not in hidden}
    started, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=kept | environ,
        capture_output=True,
        text=True,
        errors="replace",
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime
    return Done(done.returncode, done.stdout, done.stderr, time.monotonic() - started, cpu)
