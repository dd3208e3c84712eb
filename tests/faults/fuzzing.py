# SPDX-License-Identifier: Apache-2.0
"""libFuzzer over the parsers: built by clang++ from fuzz/sources.txt, the rest from build/.

`python tests/faults/fuzzing.py config --seconds 600` alone; the long form runs all.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kit import BUILD, HERE, ROOT

CORPUS = HERE / "corpus"
FOLDER = BUILD / "faults"  # objects, the fuzzer, what it has found
FLAGS = "-stdlib=libstdc++ -O1 -g1 -fno-omit-frame-pointer -fno-sanitize-recover=all".split()
SANITIZE = "address,undefined"
PARSERS = (
    *"safetensors header manifest metrics tokens questions".split(),
    *"cifar10 text config override plan recipe".split(),
)


def missing() -> str:
    """What to install before there can be a fuzzer; '' when all is there."""
    if not shutil.which("clang++"):
        return "clang++ is not installed: apt-get install clang libclang-rt-14-dev"
    probe = 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) {return 0;}'
    with tempfile.TemporaryDirectory() as folder:
        command = ["clang++", "-stdlib=libstdc++", "-fsanitize=fuzzer,address", "-x", "c++", "-"]
        done = subprocess.run(
            [*command, "-o", f"{folder}/probe"],
            input=probe,
            text=True,
            capture_output=True,
            check=False,
        )
    if done.returncode == 0:
        return ""
    return "clang++ has no fuzzer runtime: apt-get install libclang-rt-14-dev (of its version)"


def commands() -> tuple[list[str], list[str]]:
    """The flags with which build/ compiles and links faults_probe, without what only gcc knows."""
    ninja = ["ninja", "-C", str(BUILD), "-t", "commands", "tests/faults_probe"]
    lines = subprocess.run(ninja, capture_output=True, text=True, check=True).stdout.splitlines()
    compiling = next(line for line in lines if line.endswith("fuzz/formats.cpp"))
    linking = next(line for line in reversed(lines) if "-o tests/faults_probe" in line)
    words = iter(shlex.split(compiling.partition(" -c ")[0]))
    flags = ["-std=gnu++20", "-fPIC"]
    for word in words:
        if word == "-isystem":
            flags += [word, next(words)]
        elif re.match(r"-[ID]", word) and word != "-DNDEBUG":
            flags.append(word)
    words = shlex.split(linking.partition("-o tests/faults_probe")[2].partition("&&")[0])
    libraries = [
        str(BUILD / word) if word.endswith((".a", ".so", ".0")) and word[0] not in "-/" else word
        for word in words
    ]
    return flags, libraries


def sources() -> list[Path]:
    globs = (HERE / "fuzz" / "sources.txt").read_text().splitlines()  # CMake checks each of them
    found = {path for glob in globs if glob[:1] not in ("", "#") for path in ROOT.glob(glob)}
    own = [HERE / "fuzz" / f"{name}.cpp" for name in ("fuzzer", "parsers", "formats", "data")]
    return sorted(found) + own


def fresh(target: Path, depends: Path) -> bool:
    """Is the object newer than everything it was made of?"""
    if not target.exists() or not depends.exists():
        return False
    files = depends.read_text().replace("\\\n", " ").partition(":")[2].split()
    made = target.stat().st_mtime
    return all(Path(f).exists() and Path(f).stat().st_mtime <= made for f in files)


def compiled(source: Path, flags: list[str]) -> Path:
    target = FOLDER / (str(source.relative_to(ROOT)).replace("/", "-") + ".o")
    depends = target.with_suffix(".d")
    if not fresh(target, depends):
        command = ["clang++", *flags, *FLAGS, f"-fsanitize=fuzzer-no-link,{SANITIZE}"]
        command += ["-MMD", "-MF", str(depends), "-c", str(source), "-o", str(target)]
        subprocess.run(command, check=True, stdout=sys.stderr)
    return target


def build(jobs: int = 2) -> Path:
    FOLDER.mkdir(parents=True, exist_ok=True)
    flags, libraries = commands()
    with ThreadPoolExecutor(jobs) as pool:
        objects = list(pool.map(lambda source: compiled(source, flags), sources()))
    fuzzer = FOLDER / "fuzzer"
    if not fuzzer.exists() or any(o.stat().st_mtime > fuzzer.stat().st_mtime for o in objects):
        command = ["clang++", *FLAGS, f"-fsanitize=fuzzer,{SANITIZE}", *map(str, objects)]
        subprocess.run([*command, "-o", str(fuzzer), *libraries], check=True)
    return fuzzer


def fuzz(fuzzer: Path, parser: str, seconds: int) -> dict:
    """Executions, coverage, and the inputs that are faults; the corpus stays in build/faults."""
    found = FOLDER / "corpus" / parser
    faults = FOLDER / "found" / parser
    for folder in (found, faults):
        folder.mkdir(parents=True, exist_ok=True)
    command = [
        str(fuzzer),
        f"-max_total_time={seconds}",
        "-timeout=1",
        "-malloc_limit_mb=256",
        "-rss_limit_mb=3000",
        f"-artifact_prefix={faults}/",
        "-print_final_stats=1",
        f"-max_len={16384 if parser == 'cifar10' else 4096}",
        str(found),
        str(CORPUS / parser),
    ]
    done = subprocess.run(
        command,
        env={
            **os.environ,
            "STEEPEST_PARSER": parser,
            "OMP_NUM_THREADS": "1",
            "ASAN_OPTIONS": "detect_odr_violation=0",
        },
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    text = done.stderr
    runs = re.findall(r"stat::number_of_executed_units: (\d+)", text)
    covered = re.findall(r"cov: (\d+)", text)
    summary = re.findall(r"SUMMARY: .*|not one printable line.*|uncaught.*|what\(\):.*", text)
    return {
        "parser": parser,
        "code": done.returncode,
        "runs": int(runs[-1]) if runs else 0,
        "cover": int(covered[-1]) if covered else 0,
        "fault": "; ".join(line[:150] for line in summary[:2])
        or ("" if done.returncode == 0 else text[-300:]),
        "inputs": sorted(p.name for p in faults.iterdir()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parsers", nargs="*", default=PARSERS)
    parser.add_argument("--seconds", type=int, default=600)
    args = parser.parse_args()
    if problem := missing():
        sys.exit(problem)
    fuzzer = build()
    results = [fuzz(fuzzer, name, args.seconds) for name in args.parsers]
    print(json.dumps(results, indent=1))
    return int(any(each["code"] for each in results))


if __name__ == "__main__":
    sys.exit(main())
