# SPDX-License-Identifier: Apache-2.0
"""Run files and command lines."""

import shutil

from kit import (
    DONE,
    USAGE,
    case,
    last_line,
    printable,
    reference,
    refused,
    sets,
    train,
    write_config,
)

# (override, words that the line must hold)
WRONG = (
    ("optimizer.lr=nan", ["lr", "nan"]),
    ("optimizer.lr=inf", ["lr", "inf"]),
    ("optimizer.lr=-0.1", ["lr", "-0.1"]),
    ("optimizer.lr=1e400", ["lr"]),
    ('optimizer.lr="0.1"', ["lr"]),
    ("optimizer.lr=0.1 # c", ["lr"]),
    ("optimizer.lr=0.1x", ["lr", "0.1x"]),
    ("optimizer.lr=true", ["lr", "true"]),
    ("optimizer.momentum=1", ["momentum", "1"]),
    ("optimizer.momentum=-1", ["momentum", "-1"]),
    ("optimizer.polar_steps=0", ["polar_steps", "0"]),
    ("optimizer.polar_steps=1000000000", ["polar_steps", "1000000000"]),
    ("optimizer.recipe=muonn", ["recipe", "muonn", "muon"]),
    ("optimizer.lrr=0.1", ["lrr", "lr"]),
    ("optimiser.lr=0.1", ["optimiser", "optimizer"]),
    ("batch.rows=0", ["rows", "0"]),
    ("batch.rows=2.5", ["rows", "2.5"]),
    ("batch.accumulate=3", ["accumulate", "3"]),
    ("model.layers=0", ["layers", "0"]),
    ("model.layers=-1", ["layers", "-1"]),
    ("model.heads=5", ["heads", "5", "32"]),
    ("model.dropout=1", ["dropout", "1"]),
    ("model.kind=lstm", ["kind", "lstm", "gpt"]),
    ("run.steps=99999999999999999999", ["steps"]),
    ("run.seed=-1", ["seed", "-1"]),
    ("run.device=tpu", ["device", "tpu", "cpu"]),
    ("schedule.floor=2", ["floor", "2"]),
    ("nonsense", ["nonsense", "section.key=value"]),
    ("a=b", ["a=b"]),
    ("run.\x1b[31m=1", ["run"]),
    ("run." + "x" * 100_000 + "=1", ["run"]),
    ("run.a\nb=1", ["run"]),
)

TEXTS = (
    ("duplicate key", "[run]\nsteps = 1\nsteps = 2\n", ["run.toml", "steps"]),
    ("trailing text", "[run]\nsteps = 12abc\n", ["run.toml:2"]),
    ("duplicate table", "[run]\nsteps = 1\n[run]\nseed = 1\n", ["run.toml:3"]),
    ("unclosed text", '[run]\nout = "x\n', ["run.toml:2"]),
    ("no table", "run = 3\n", ["run.toml", "run"]),
    ("section twice removed", "[run.run]\nx = 1\n", ["run.toml"]),
    ("a binary file", "\x00\x01\x02", ["run.toml"]),
    ("deep", "a=" + "[" * 20000, ["run.toml"]),
)


@case("14", "Run files: NaN, ranges, unknown and duplicate keys, trailing text", heavy=True)
def values(t):
    """Exit 2 and one printable line with key, what was received and what is allowed; nothing is
    written."""
    folder = t.sub("values")
    config = write_config(folder)
    for setting, words in WRONG:
        done = train("train", config, "--quiet", *sets([setting]))
        what = printable(setting, 40)
        refused(t, what, done, USAGE, *words)
        line = done.stderr.strip()
        t.check(line.isprintable() and len(line) < 1000, f"{what}: not one short printable line")
        t.check(not (folder / "run").exists(), f"{what}: left a run folder")
        shutil.rmtree(folder / "run", ignore_errors=True)
    for what, text, words in TEXTS:
        folder = t.sub("texts")
        (folder / "run.toml").write_text(text)
        done = train("train", "run.toml", "--quiet", cwd=folder)
        refused(t, what, done, USAGE, *words)
        t.check(done.stderr.strip().isprintable(), f"{what}: not one printable line")
    return t.result(f"{len(WRONG)} values, {len(TEXTS)} texts")


@case("F10", "Names of recipes that are none")
def recipes(t):
    """Refused with what is allowed; endless mixtures too, and at once."""
    folder = t.sub("recipes")
    config = write_config(folder)
    for name in (
        "neon(k=4)-momo-momo",
        "muon-momo-momo",
        "-momo",
        "muon-",
        "muonmax(k=3)",
        "neon(k=4",
        "neon(k=0)",
        "neon(k=1e30)",
        "neon(k=nan)",
        "neon(k=4)(k=5)",
        "neon(k=4,k=5)",
        "muon muon",
        "muon\n",
        "+".join(["muon"] * 3),
    ):
        done = train("train", config, "--quiet", *sets([f"optimizer.recipe='''{name}'''"]))
        refused(t, printable(name, 30), done, USAGE)
        shutil.rmtree(folder / "run", ignore_errors=True)
    for norm in (
        "+".join(["0.5*spectral"] * 9000),
        "(" * 50_000,
        "0.5*spectral+",
        "1e999*spectral",
        "-1*spectral",
        "nan*spectral",
        "ky_fan(k=-1)",
        "schatten(p=0.5)",
    ):
        settings = ["optimizer.recipe=muon", f"optimizer.norm={norm}"]
        done = train("train", config, "--quiet", *sets(settings), timeout=20)
        refused(t, printable(norm, 30), done, USAGE)
        t.check(len(done.stderr) < 2000, f"{printable(norm, 30)}: {len(done.stderr)} bytes said")
    t.check(not (folder / "run").exists(), "left a run folder")
    return t.result()


@case("F12", "sample: seeds, counts and temperatures out of range")
def samples(t):
    """Exit 2 and one line that names the option."""
    ref = reference(t)
    run = ref.folder / "run"
    good = train("sample", run, "--count", "5")
    t.check(good.returncode == DONE, f"sample: {last_line(good)}")
    for option, value in (
        ("--seed", "-1"),
        ("--seed", "1e3"),
        ("--seed", "99999999999999999999"),
        ("--count", "0"),
        ("--count", "-5"),
        ("--temperature", "nan"),
        ("--temperature", "-1"),
        ("--top-k", "-1"),
        ("--prompt", ""),
        ("--ids", "300"),
    ):
        done = train("sample", run, option, value, timeout=30)
        text = (done.stderr + done.stdout).lower()
        what = f"{option} {value}: exit {done.returncode}, {last_line(done)}"
        named = any(word in text for word in (option.strip("-"), "token 300"))
        t.check(done.returncode == USAGE and named, what)
    return t.result()


INVALID = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80")
ODD = (b"\xef\xbb\xb7", b"\xef\xbb\xb8", b"\xef\xbb", b"\xef\xbb\xbf")  # U+FEF7, U+FEF8, half, BOM


@case("F22", "TOML that is not UTF-8, and characters that toml++ stumbles over")
def encodings(t):
    """Refused in one line with its place, before the parser sees it; no crash."""
    for odd in (*INVALID, *ODD):
        # The fuzzer's corpus holds more places than these.
        for text in (b"[run]\nsteps = 1" + odd + b"\n", b'[run]\nout = "' + odd + b'"\n'):
            folder = t.sub("encoding")
            (folder / "run.toml").write_bytes(text)
            done = train("train", "run.toml", "--quiet", "--dry-run", cwd=folder)
            if odd in INVALID or odd == ODD[2] or done.returncode != DONE:
                # without data the rest of the defaults ends as exit 3: the text was taken
                taken = odd in ODD and done.returncode == 3
                if not taken:
                    refused(t, repr(text), done, USAGE, "run.toml")
    return t.result()
