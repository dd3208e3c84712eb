# SPDX-License-Identifier: Apache-2.0
"""Sanitizers and fuzzers."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import fuzzing
from kit import BUILD, ROOT, case
from probe import ASAN, PROBE, replay

ASAN_BUILD = BUILD.with_name(BUILD.name + "-asan")
TSAN_BUILD = BUILD.with_name(BUILD.name + "-tsan")
SUITES = ("test_steepest_io", "test_trainer_data", "test_trainer_io")


def corpus(parser):
    return sorted(path for path in (fuzzing.CORPUS / parser).iterdir() if path.is_file())


def replayed(t, program, reports_only=False):
    """The kept inputs of every parser through its entry; how many, and how many were fine."""
    tried = fine = 0
    for parser in fuzzing.PARSERS:
        files = corpus(parser)
        t.check(files, f"{parser}: no corpus")
        tried += len(files)
        while files:  # again behind every input that ends the program
            done = replay(parser, files, program)
            rows = [line.split("\t") for line in done.stdout.split("\n") if line]
            for name, seconds, mib, *_ in rows:
                quick = reports_only or (float(seconds) <= 1 and float(mib) <= 256)
                fine += t.check(quick, f"{parser} {os.path.basename(name)}: {seconds} s, {mib} MiB")
            report = "Sanitizer" in done.stderr or "runtime error" in done.stderr
            if len(rows) < len(files) and reports_only and not report:
                fine += 1  # ended by something else: case 31
            elif len(rows) < len(files):
                why = reason(done)
                t.check(
                    False, f"{parser} {files[len(rows)].name}: ended by {done.returncode}, {why}"
                )
            files = files[len(rows) + 1 :]
    return f"{fine} of {tried} kept inputs of {len(fuzzing.PARSERS)} parsers fine"


def reason(done):
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    telling = ("ERROR", "runtime error", "what()", "one printable line")
    return next((line for line in lines if any(word in line for word in telling)), "")[:110]


def run(command, **env):
    return subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        errors="replace",
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        check=False,
    )


@case(
    "30", "ASan and UBSan over the C++ suite; TSan with two optimizers in two threads", heavy=True
)
def sanitizers(t):
    """No report; two optimizers in two threads end with the bits of each alone."""
    t.note(f"under ASan and UBSan {replayed(t, ASAN, reports_only=True)}")
    built = [name for name in SUITES if (ASAN_BUILD / "tests" / name).exists()]
    if t.long:
        done = run(["make", "test-asan"])
        tail = [line for line in done.stdout.splitlines() if "tests passed" in line]
        t.check(done.returncode == 0, f"make test-asan: {done.returncode} {tail}")
        t.note(f"make test-asan: {''.join(tail)}")
    elif built:
        for name in built:
            done = run([ASAN_BUILD / "tests" / name])
            t.check(done.returncode == 0, f"{name} under ASan: {done.stderr[-200:]}")
        t.note(f"{', '.join(built)} of {ASAN_BUILD.name}/")
    else:
        t.note("the whole suite: make test-asan, or the long form")
    done = run([BUILD / "tests" / "tool_two_threads"])
    t.check(done.returncode == 0, f"two threads: {done.returncode} {done.stderr[-200:]}")
    t.note("two threads: bits as alone")
    if t.long:
        threads(t)
    else:
        t.note("TSan in the long form")
    return t.result(" ")


def threads(t):
    """The library under TSan; torch and its OpenMP are not instrumented, so not judged."""
    python = ROOT / ".venv" / "bin" / "python"
    configure = ["cmake", "-S", ROOT, "-B", TSAN_BUILD, "-G", "Ninja"]
    configure += [f"-DPython3_EXECUTABLE={python}", "-DSTEEPEST_SANITIZE=thread"]
    configure += ["-DSTEEPEST_TRAINER=OFF", "-DSTEEPEST_INSTALL=OFF"]
    for command in (configure, ["cmake", "--build", TSAN_BUILD, "--target", "tool_two_threads"]):
        done = run(command)
        if not t.check(done.returncode == 0, f"{command[:2]}: {done.stdout[-200:]}"):
            return
    quiet = t.folder / "suppressions"
    names = ("libtorch_cpu.so", "libc10.so", "libgomp", "libmkl", "libiomp5")
    quiet.write_text("".join(f"called_from_lib:{name}\n" for name in names[:2]))
    quiet.write_text(quiet.read_text() + "".join(f"race:{name}\n" for name in names))
    options = f"suppressions={quiet}:ignore_noninstrumented_modules=1:exitcode=66"
    done = run([TSAN_BUILD / "tests" / "tool_two_threads"], TSAN_OPTIONS=options)
    reports = done.stderr.count("WARNING: ThreadSanitizer")
    t.check(done.returncode == 0 and not reports, f"TSan: {reports} reports: {done.stderr[:300]}")
    t.note(f"TSan: {reports} reports")


@case("31", "libFuzzer on each parser", heavy=True)
def fuzzers(t):
    """No crash, no leak, no other exception than the documented one, no message of two lines, no
    input over 1 s or 256 MiB; the corpus is kept and run again by the short form."""
    t.note(replayed(t, PROBE))
    if not t.long:
        t.note("fuzzing itself in the long form")
        return t.result(" ")
    if problem := fuzzing.missing():
        t.check(False, problem)
        return t.result(" ")
    fuzzer = fuzzing.build()
    seconds = int(os.environ.get("STEEPEST_FUZZ_SECONDS", "600"))
    with ThreadPoolExecutor(2) as pool:
        results = pool.map(lambda name: fuzzing.fuzz(fuzzer, name, seconds), fuzzing.PARSERS)
        for r in results:
            name = r["parser"]
            t.check(r["code"] == 0, f"{name}: {r['fault'] or r['inputs']}")
            t.note(f"{name} {r['runs']:,} runs, {r['cover']} edges")
    return t.result(" ")
