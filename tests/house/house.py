#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules that no compiler checks. Usage: house.py RULE; prints offenders, exits 1 if any."""

import re
import sys
from pathlib import Path

import source

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ["steepest", "trainer", "tests", "examples", "experiments", "cmake", "scripts", "python"]
SOURCES = {".h", ".cpp", ".cu", ".cuh", ".inc", ".py", ".sh", ".cmake"}
MAX_LINES = 300
MAX_MEMBERS = 12
MAX_COMPLEXITY = 12


def files(*folders, suffixes=SOURCES):
    """(name, lines) of each source file below the folders."""
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*")):
            is_run = folder == "experiments" and "sweep" in path.parts  # made here, not in git
            if path.suffix in suffixes and "__pycache__" not in path.parts and not is_run:
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8").splitlines()


def includes(*folders):
    """(where, included file) of each #include below the folders."""
    for name, lines in files(*folders, suffixes={".h", ".cpp", ".inc"}):
        for number, line in enumerate(lines, 1):
            if match := re.match(r'\s*#\s*include\s*[<"]([^>"]+)', line):
                yield f"{name}:{number}", match[1]


def layering():
    """Linear algebra below norms, norms below the engine, the library below the trainer."""
    rules = [
        (["steepest/kernels"], r"(steepest/(?!kernels/)|trainer/|tests/)"),
        (["steepest/kernels/cpu", "steepest/kernels/cuda"], r"steepest/kernels/kernels\.h"),
        (["steepest/base"], r"(steepest/(?!base/|kernels/)|trainer/|tests/)"),
        (["steepest/io"], r"(steepest/(?!base/|io/|kernels/)|trainer/|tests/)"),
        (
            ["steepest/polar", "steepest/svd"],
            r"(steepest/(?!base/|kernels/|polar/|svd/)|trainer/|tests/)",
        ),
        (["steepest/norms"], r"(steepest/(engine|optimizers)/|trainer/|tests/)"),
        (["steepest/engine"], r"(steepest/optimizers/|trainer/|tests/)"),
        (["steepest"], r"(trainer/|tests/)"),
    ]
    for folders, forbidden in rules:
        for where, header in includes(*folders):
            if re.match(forbidden, header):
                yield f"{where}: {folders[0]} may not include {header}"
    for room in ("polar", "svd"):  # types.h is below the methods, what chooses among them above
        for where, header in includes(f"steepest/{room}"):
            own = f"steepest/{room}/{room}"
            if header == f"{own}.h" and not where.startswith(f"{own}.cpp:"):
                yield f"{where}: only {own}.cpp may include {header}"


def headers():
    """torch/torch.h costs 18 s and 1.4 GB a file: not in the library. Installed ones stay thin."""
    for where, header in includes("steepest"):
        if header in ("torch/torch.h", "torch/all.h", "torch/extension.h"):
            yield f"{where}: {header} in the library (fine headers: ATen/ops/*.h)"
        if re.match(r"[^:]*\.h:", where) and re.match(r"(ATen/ATen.h|nlohmann/|zlib)", header):
            yield f"{where}: {header} in an installed header"


def catalog():
    """A norm, rescale, geometry, optimizer is one file and one line, and nothing else knows it."""
    for folder, macro, result in [
        ("norms", "NORM", "NormEntry"),
        ("transforms", "RESCALE", "RescaleEntry"),
        ("geometries", "GEOMETRY", "GeometryEntry"),
        ("optimizers", "OPTIMIZER", "Recipe"),
    ]:
        inc = (ROOT / "steepest" / folder / "catalog.inc").read_text(encoding="utf-8")
        listed = re.findall(rf"^{macro}\((\w+)\)$", inc, re.MULTILINE)
        defined = {}
        for name, lines in files(f"steepest/{folder}", suffixes={".cpp"}):
            for function in re.findall(rf"^{result} (\w+)\(\)", "\n".join(lines), re.MULTILINE):
                defined.setdefault(function, []).append(name)
        for function in sorted(set(listed) ^ set(defined)):
            yield f"steepest/{folder}: {function} is not both in a file and in catalog.inc"
        for function, places in defined.items():
            if len(places) > 1 or listed.count(function) > 1:
                yield f"steepest/{folder}: {function} stands more than once: {places}"
    rows = {name.replace("_", "-") for name in listed}
    for folder in (
        "norms",
        "transforms",
        "geometries",
    ):  # SOAP is a norm as well, NorMuon a rescale
        inc = (ROOT / "steepest" / folder / "catalog.inc").read_text(encoding="utf-8")
        rows -= set(re.findall(r"^[A-Z]+\((\w+)\)$", inc, re.MULTILINE))
    for name, lines in files("steepest", suffixes={".h", ".cpp"}):
        if "/optimizers/" in name or name.startswith(
            ("steepest/recipe.", "steepest/radius.", "steepest/norms/shampoo.")
        ):
            continue  # recipe.h explains names; "scion" is a radius, "adam" a graft as well
        own = name.rsplit("/", 1)[1].removesuffix(".cpp")  # norms and rescales may be named alike
        for number, line in enumerate(lines, 1):
            for word in re.findall(r'"([\w-]+)"', line):
                if word in rows and word != own and "graft" not in line:  # a word of Shampoo's
                    yield f"{name}:{number}: the engine names the optimizer {word}"


def length():
    for name, lines in files(*FOLDERS):
        if len(lines) > MAX_LINES:
            yield f"{name}: {len(lines)} lines, at most {MAX_LINES}"


def complexity():
    """What a function decides, and what a class remembers, fits into one head."""
    listed = (ROOT / "tests/house/complexity.txt").read_text(encoding="utf-8").splitlines()
    allowed = {line for line in listed if line[:1] not in ("", "#")}
    found = {}
    for name, lines in files("steepest", "trainer", "python", suffixes={".h", ".cpp", ".py"}):
        read = source.read_python if name.endswith(".py") else source.read_cpp
        functions, classes = read("\n".join(lines))
        short = name.rsplit("/", 1)[1]
        for f in functions:
            if f.complexity > MAX_COMPLEXITY:
                what = f"cyclomatic complexity {f.complexity}, at most {MAX_COMPLEXITY}"
                found[f"{short}: {f.name}"] = f"{name}:{f.line}: {f.name}: {what}"
        for c in classes:
            if c.hides and c.members > MAX_MEMBERS:
                what = f"{c.members} members, at most {MAX_MEMBERS}"
                found[f"{short}: {c.name}"] = f"{name}:{c.line}: {c.name}: {what}"
    yield from (found[key] for key in sorted(found.keys() - allowed))
    for key in sorted(allowed - found.keys()):
        yield f"tests/house/complexity.txt: {key} has become simple: take it off the list"


def public():
    """Installed: the umbrella and what it includes; these and no others show their symbols."""
    rules = (ROOT / "cmake/install.cmake").read_text(encoding="utf-8")
    listed = re.search(r"set\(public_headers([^)]*)\)", rules)[1].split()
    includes_of = {}
    for where, header in includes("steepest"):
        includes_of.setdefault(where.split(":")[0], []).append(header)
    reached, todo = set(), ["steepest/steepest.h"]
    while todo:
        here = todo.pop()
        if here not in reached:
            reached.add(here)
            todo += [h for h in includes_of.get(here, []) if h.startswith("steepest/")]
    for name in sorted(reached ^ {f"steepest/{header}" for header in listed}):
        which = "not listed, though" if name in reached else "listed, though not"
        yield f"cmake/install.cmake: {name} is {which} reached by steepest/steepest.h"
    for name, lines in files("steepest", suffixes={".h"}):
        opened = [line for line in lines if line.startswith("namespace")]
        shown = ["STEEPEST_API" in line for line in opened]
        if opened and (not all(shown) if name in reached else any(shown)):
            yield f"{name}: STEEPEST_API opens the namespace of installed headers, of no others"


def spdx():
    for name, lines in files(*FOLDERS):
        first = lines[1:2] if lines and lines[0].startswith("#!") else lines[:1]
        if not first or "SPDX-License-Identifier: Apache-2.0" not in first[0]:
            yield f"{name}: no SPDX line at the top"


def paths():
    """No file may depend on where it was written."""
    for name, lines in files(
        *FOLDERS, "docs", suffixes=SOURCES | {".md", ".txt", ".toml", ".json"}
    ):
        for number, line in enumerate(lines, 1):
            if match := re.search(r"(?<![\w.$}])/(root|home|work)/\S*", line):
                yield f"{name}:{number}: a path of one machine: {match[0]}"


if __name__ == "__main__":
    rules = (layering, headers, catalog, length, complexity, public, spdx, paths)
    RULES = {rule.__name__: rule for rule in rules}
    if len(sys.argv) != 2 or sys.argv[1] not in RULES:
        sys.exit(f"usage: house.py {'|'.join(RULES)}")
    offenders = list(RULES[sys.argv[1]]())
    print("\n".join(offenders) or "ok")
    sys.exit(1 if offenders else 0)
