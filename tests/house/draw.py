#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws functions at random, to be read with fresh eyes: draw.py [COUNT [SEED]].

Of each: its comment, its declaration in the header of the same name where there is one, and its
body, without the code around it. A function is clear where these say what it takes, what it gives
and why it is there.
"""

import random
import re
import sys
from pathlib import Path

import source

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("steepest", "trainer", "python", "experiments", "scripts")


def functions():
    """(path, line, code lines, name) of every function."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp", ".py"):
                continue
            read = source.read_python if path.suffix == ".py" else source.read_cpp
            for f in read(path.read_text(encoding="utf-8"))[0]:
                yield path, f.line, f.lines, f.name


def comment_above(lines, at):
    """The comment that ends above line number `at`, which counts from 0, and what follows it."""
    first = at
    while first > 0 and lines[first - 1].strip().startswith(("//", "#", "@", "template")):
        first -= 1
    return lines[first:at]


def body(lines, at, count):
    """From line number `at`, which counts from 0, so many lines of code, or to a def's end."""
    end = at
    if lines[at].lstrip().startswith(("def ", "async def ")):
        indent = len(lines[at]) - len(lines[at].lstrip())
        end = next(n for n in range(at, len(lines)) if lines[n].rstrip().endswith(":")) + 1
        while end < len(lines) and (not lines[end] or lines[end].startswith(" " * (indent + 1))):
            end += 1
        return lines[at:end]
    while count > 0 and end < len(lines):
        text = lines[end].strip()
        count -= bool(text) and not text.startswith(("//", "#"))
        end += 1
    return lines[at:end]


def declaration(path, name):
    """The comment and the lines of the function in the header of the same name."""
    header = path.with_suffix(".h")
    short = name.rsplit("::", 1)[-1]
    if path.suffix != ".cpp" or not header.exists():
        return []
    lines = header.read_text(encoding="utf-8").splitlines()
    owner = re.compile(rf"(?:struct|class) (?:\w+ )?{f'::{name}'.rsplit('::', 2)[-2]}\b[^;]*$")
    inside = "::" not in name
    for number, line in enumerate(lines):
        inside = inside or bool(owner.match(line))
        if inside and f" {short}(" in f" {line}" and not line.strip().startswith("//"):
            end = number
            while end + 1 < len(lines) and not lines[end].rstrip().endswith((";", "{", "}")):
                end += 1
            return [*comment_above(lines, number), *lines[number : end + 1]]
    return []


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for path, line, length, name in random.Random(seed).sample(list(functions()), count):
        lines = path.read_text(encoding="utf-8").splitlines()
        print(f"\n==== {path.relative_to(ROOT)}:{line}: {name}")
        if declared := declaration(path, name):
            print(*declared, "---- defined:", sep="\n")
        print(*comment_above(lines, line - 1), *body(lines, line - 1, length), sep="\n")


if __name__ == "__main__":
    main()
