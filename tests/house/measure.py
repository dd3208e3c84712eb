#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the code, as tables in Markdown: measure.py [TREE [TREE ..]], old beside new with two.

What is counted, and how:
- lines: all of a file. A comment line holds nothing but a comment (in Python: or a docstring); its
  share is of the lines that are not blank.
- functions and classes: tests/house/source.py. A function's length is its lines of code.
- installed headers: the list of cmake/install.cmake, or every header where there is none.
- include depth: the longest chain of the project's own #includes below a file.
- a unit is a header with its source (x.h, x.cpp). Arrows are its includes of other units. In a
  circle of units no order puts every arrow downwards; arrows back up are those against the best
  order found (greedy: Eades, Lin, Smyth 1993).
- the cost of adding is the number of files of code (steepest, trainer, python; then tests and docs)
  that hold an example's name as a word: the places that had to know when it was added.
- the step's and the faces' goals (a class of at most 12 members, complexity of at most 12) are the
  rule `complexity` of house.py.
- symbols: text symbols of build/lib/libsteepest.so, where that has been built.
"""

import re
import statistics
import subprocess
import sys
from pathlib import Path

import source
from arrows import arrows, back_arrows, circles, unit_of

ROOT = Path(__file__).resolve().parents[2]
ROOMS = {  # a row of the first table: its folders, whichever of them the tree has
    "steepest/ C++": ["steepest"],
    "engine": ["steepest/engine"],
    "norms": ["steepest/norms"],
    "optimizers": ["steepest/optimizers"],
    "polar": ["steepest/polar"],
    "svd": ["steepest/svd"],
    "kernels": ["steepest/kernels", "steepest/cpu"],
    "root": ["steepest/*"],
    "trainer/": ["trainer"],
    "python/": ["python"],
    "tests C++": ["tests"],
    "tests Python": ["tests"],
}
# Names that mean nothing else in the code. A norm: one with an argument, and one without.
EXAMPLES = {
    "option": ["error_feedback", "polar_tol"],
    "norm": ["ky_fan", "schatten"],
    "optimizer": ["s_muon|s-muon|SMuon", "orthogonal_sgdm|orthogonal-sgdm|OrthogonalSGDM"],
    "polar schedule": ["cans", "quintic"],
    "dataset": ["cifar10|Cifar10"],
    "model": ["cnn|Cnn"],
}
CODE = {".h", ".cpp", ".inc", ".py"}


class Tree:
    """The source files of a checkout, read once."""

    def __init__(self, root):
        self.root = Path(root).resolve()
        listed = subprocess.run(
            ["git", "-C", self.root, "ls-files", "-co", "--exclude-standard"],
            capture_output=True,
            text=True,
            check=True,
        )
        paths = sorted(set(listed.stdout.splitlines()))
        kept = [p for p in paths if Path(p).suffix in CODE | {".md"} and (self.root / p).is_file()]
        self.texts = {p: (self.root / p).read_text(encoding="utf-8") for p in kept}
        self.functions, self.classes = {}, {}
        for path, text in self.texts.items():
            if Path(path).suffix in CODE - {".inc"}:
                read = source.read_python if path.endswith(".py") else source.read_cpp
                self.functions[path], self.classes[path] = read(text)

    def room(self, name):
        python = name.lower().endswith(("python", "python/"))
        suffixes = {".py"} if python else {".h", ".cpp"}
        for folder in ROOMS[name]:
            flat = folder.endswith("/*")
            below = folder.removesuffix("*").rstrip("/") + "/"
            for path in self.texts:
                inside = path.startswith(below) and "corpus/" not in path
                if flat and "/" in path[len(below) :]:
                    continue
                if inside and Path(path).suffix in suffixes:
                    yield path

    def own_code(self):
        """The functions and classes that the goals are about."""
        return [p for p in self.functions if p.startswith(("steepest/", "trainer/", "python/"))]

    def includes(self, path):
        found = re.findall(r'^\s*#include "([^"]+)"', self.texts[path], re.M)
        return [f for f in found if f in self.texts]

    def installed(self):
        rules = self.root / "cmake" / "install.cmake"
        listed = re.search(r"set\(public_headers([^)]*)\)", rules.read_text(encoding="utf-8"))
        if listed:
            return [f"steepest/{name}" for name in listed[1].split()]
        return [p for p in self.texts if p.startswith("steepest/") and p.endswith(".h")]

    def reached(self, path):
        """A file and all that it includes."""
        seen, todo = set(), [path]
        while todo:
            here = todo.pop()
            if here not in seen:
                seen.add(here)
                todo += self.includes(here)
        return sorted(seen)

    def depth(self, path, known):
        if path not in known:
            known[path] = 0  # a circle of headers ends here
            known[path] = 1 + max((self.depth(f, known) for f in self.includes(path)), default=0)
        return known[path]


def quantile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else 0


def comment_share(tree, paths):
    comments = sum(source.comment_lines(tree.texts[p], p.endswith(".py")) for p in paths)
    lines = sum(bool(line.strip()) for p in paths for line in tree.texts[p].splitlines())
    return f"{100 * comments / lines:.0f} %" if lines else "-"


def room_row(tree, name):
    paths = list(tree.room(name))
    if not paths:
        return ["-"] * 4
    lines = [len(tree.texts[p].splitlines()) for p in paths]
    functions = [f for p in paths for f in tree.functions[p]]
    code = [f.lines for f in functions] or [0]
    complexity = [f.complexity for f in functions] or [0]
    share = comment_share(tree, paths)
    headers = [p for p in paths if p.endswith(".h")]
    if headers:
        sources = [p for p in paths if p.endswith(".cpp")]
        share += f" ({comment_share(tree, headers)}, {comment_share(tree, sources)})"
    return [
        f"{len(paths)} / {statistics.median(lines):g} / {quantile(lines, 0.9)} / {max(lines)}",
        share,
        f"{statistics.median(code):g} / {quantile(code, 0.9)} / {max(code)}",
        f"{quantile(complexity, 0.9)} / {max(complexity)}",
    ]


def up_text(graph):
    parts = circles(graph)
    back = [f"{a} -> {b}" for part in parts for a, b in back_arrows(graph, part)]
    return f"{len(back)} in {len(parts)} circles" + (": " + ", ".join(back) if back else "")


def words(tree, paths):
    lines = sum(len(tree.texts[p].splitlines()) for p in paths)
    count = sum(len(tree.texts[p].split()) for p in paths)
    return f"{len(paths)}, {lines:,} lines, {count:,} words"


def symbols(tree):
    library = tree.root / "build" / "lib" / "libsteepest.so"
    if not library.exists():
        return "not built"
    run = subprocess.run(["nm", "-DC", "--defined-only", library], capture_output=True, text=True)
    kinds = [line.split(maxsplit=2)[1:] for line in run.stdout.splitlines()]
    strong = [name for kind, name in kinds if kind == "T"]
    weak = [name for kind, name in kinds if kind in "Ww"]
    return f"{len(strong)} T (steepest:: {sum('steepest::' in n for n in strong)}), {len(weak)} W"


def mentions(tree, names):
    """Files of code, and files of tests and docs, in which one of the names is a word."""
    pattern = re.compile(rf"(?<![A-Za-z0-9_-])(?:{names})(?![A-Za-z0-9_-])")
    code, beside = [], []
    for path, text in tree.texts.items():
        if path == "CHANGELOG.md" or path.startswith("tests/house/") or not pattern.search(text):
            continue
        own = path.startswith(("steepest/", "trainer/", "python/"))
        (code if own else beside).append(path)
    return code, beside


def longest(tree, count=10):
    found = [(f, p) for p in tree.own_code() for f in tree.functions[p]]
    found.sort(key=lambda x: (-x[0].lines, x[1]))
    return [f"{p}:{f.line} {f.name} {f.lines} (cc {f.complexity})" for f, p in found[:count]]


def largest(tree, key, count=10):
    found = [(c, p) for p in tree.own_code() for c in tree.classes[p] if c.hides]
    found.sort(key=lambda x: (-getattr(x[0], key), x[1]))
    return [
        f"{p}:{c.line} {c.name} {c.members} members, {c.methods} methods, {c.lines} lines"
        for c, p in found[:count]
    ]


def facts(tree):
    """(what, value) of everything that is one number or one line."""
    known = {}
    headers = [p for p in tree.texts if p.endswith(".h")]
    deepest = {top: [p for p in headers if p.startswith(top)] for top in ("steepest/", "trainer/")}
    yield "headers installed", words(tree, tree.installed())
    yield "reached by steepest.h", words(tree, tree.reached("steepest/steepest.h"))
    for top, paths in deepest.items():
        depths = {p: tree.depth(p, known) for p in paths}
        yield f"include depth, {top} headers", str(max(depths.values()))
    yield "symbols of libsteepest.so", symbols(tree)
    for top in ("steepest/", "trainer/"):
        graph = arrows(tree, top)
        yield f"units and arrows, {top}", f"{len(graph)}, {sum(map(len, graph.values()))}"
        yield f"arrows back up, units of {top}", up_text(graph)
        rooms = arrows(tree, top, lambda p: p.rsplit("/", 1)[0] if p.count("/") > 1 else unit_of(p))
        yield f"arrows back up, rooms of {top}", up_text(rooms)
    for kind, examples in EXAMPLES.items():
        for names in examples:
            code, beside = mentions(tree, names)
            example = names.split("|")[0]
            yield f"add {kind} ({example})", f"{len(code)} files, {len(beside)} of tests and docs"


def table(head, rows):
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")


def report(trees):
    heads = ["", "files / median / p90 / max lines", "comments (headers, sources)"]
    heads += ["function lines median / p90 / max", "complexity p90 / max"]
    rows = []
    for name in ROOMS:
        for tree in trees:
            label = name if len(trees) == 1 else f"{name}, {tree.label}"
            rows.append([label, *room_row(tree, name)])
    table(heads, rows)
    columns = [dict(facts(tree)) for tree in trees]
    labels = ["value"] if len(trees) == 1 else [tree.label for tree in trees]
    table(["", *labels], [[what, *(c[what] for c in columns)] for what in columns[0]])
    for title, read in [
        ("Longest functions", longest),
        ("Classes with most members", lambda tree: largest(tree, "members")),
        ("Longest classes", lambda tree: largest(tree, "lines")),
        ("What an option touches", lambda tree: mentions(tree, EXAMPLES["option"][0])[0]),
    ]:
        print(f"\n### {title}")
        table(labels, zip(*(read(tree) for tree in trees), strict=False))


if __name__ == "__main__":
    trees = [Tree(folder) for folder in sys.argv[1:] or [ROOT]]
    for tree, label in zip(trees, ["old", "new"] if len(trees) == 2 else map(str, sys.argv[1:])):
        tree.label = label
    report(trees)
