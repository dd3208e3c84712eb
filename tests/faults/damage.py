# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are cut, flipped, or of another run."""

import json
import random
import re
import shutil
import zlib

from kit import (
    CHECKPOINT,
    DONE,
    case,
    last_line,
    reference,
    refused,
    resume,
    sets,
    steps_of,
    train,
)
from probe import Verifier


def finished(t, *settings):
    ref = reference(t, *settings)
    run = ref.folder / "run"
    return ref, run, run / f"ckpt-{max(steps_of(run))}"


def passed_over(t, ref, run, what, newest):
    """The trainer itself: says what is wrong and which it uses, and ends with the same bits."""
    copy = t.sub("resumed") / "run"
    shutil.copytree(run, copy)
    done = resume(copy)
    said = f"ckpt-{newest}" in done.stderr and "using" in done.stderr
    t.check(done.returncode == DONE and said, f"{what}: {done.returncode}, {last_line(done)}")
    t.check(not ref.repeated_by(copy), f"{what}: {ref.repeated_by(copy)}")


@case("5", "Checkpoint cut at every 4 KiB boundary and at size-1")
def cuts(t):
    """Refused by size or checksum; the one before is tried, and which is used is said."""
    ref, run, newest = finished(t)
    tried = found = 0
    with Verifier() as verify:
        t.check(verify(newest) == "ok 40", f"whole: {verify(newest)}")
        for path in sorted(newest.iterdir()):
            data = path.read_bytes()
            places = {*range(0, len(data), 4096), len(data) - 1, *range(0, min(64, len(data)))}
            for i, size in enumerate(sorted(places)):
                path.write_bytes(data[:size])
                answer = verify(newest)
                tried += 1
                found += answer.startswith("refused")
                t.check(answer.startswith("refused"), f"{path.name} cut to {size}: {answer}")
                if i == len(places) // 2 or (t.long and i % 8 == 0):
                    passed_over(t, ref, run, f"{path.name} cut to {size}", 40)
            path.unlink()
            t.check(verify(newest).startswith("refused"), f"{path.name} gone: {verify(newest)}")
            path.write_bytes(data)
    return t.result(f"{found} of {tried} cuts found")


@case("6", "One bit flipped at each of 1,000 random places")
def flips(t):
    """1,000 of 1,000 are found."""
    ref, run, newest = finished(t)
    files = sorted(newest.iterdir())
    sizes = [path.stat().st_size for path in files]
    at = random.Random(6)
    found = 0
    with Verifier() as verify:
        for i in range(1000):
            # A third in the small files and the headers, which random places would hardly meet.
            path = at.choice(files) if i % 3 == 0 else at.choices(files, sizes)[0]
            data = bytearray(path.read_bytes())
            place = at.randrange(min(len(data), 2048) if i % 3 == 0 else len(data))
            data[place] ^= 1 << at.randrange(8)
            old = path.read_bytes()
            path.write_bytes(data)
            answer = verify(newest)
            found += answer.startswith("refused")
            t.check(answer.startswith("refused"), f"{path.name} byte {place}: {answer}")
            if i % (10 if t.long else 500) == 0:
                passed_over(t, ref, run, f"{path.name} byte {place}", 40)
            path.write_bytes(old)
        t.check(verify(newest).startswith("ok"), "not whole at the end")
    return t.result(f"{found} of 1000 flips found")


def sealed(path, change):
    """The manifest with a change and a right checksum."""
    text = path.read_text()
    text = change(text)
    start = re.search(r'"crc32": "', text).end()
    zeros = text[:start] + "00000000" + text[start + 8 :]
    path.write_text(zeros[:start] + f"{zlib.crc32(zeros.encode()):08x}" + zeros[start + 8 :])


@case("7", "Checkpoint of another model, optimizer, dtype or version")
def foreign(t):
    """Refused, naming the first thing that differs; nothing is written."""
    ref, run, newest = finished(t)
    for setting, word in (
        ("model.width=48", ("width", "tensor")),
        ("model.layers=2", ("layers", "tensor")),
        ("optimizer.recipe=adamw", ("recipe", "adamw")),
        ("optimizer.momentum=0.8", "momentum"),
        ("run.dtype=bfloat16", "dtype"),
    ):
        copy = t.sub("foreign") / "run"
        shutil.copytree(run, copy)
        before = {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.name != ".lock"}
        config = ref.folder / "run.toml"
        done = train("train", config, "--quiet", "--resume", copy, *sets([setting]))
        refused(t, setting, done, CHECKPOINT, word)
        after = {p: p.stat().st_mtime_ns for p in copy.rglob("*") if p.name != ".lock"}
        t.check(after == before, f"{setting}: files were touched")
    copy = t.sub("version") / "run"
    shutil.copytree(run, copy)
    manifest = copy / newest.name / "manifest.json"
    text = manifest.read_text()
    version = json.loads(text)["format"]
    sealed(manifest, lambda s: s.replace(f'"format": {version}', f'"format": {version + 90}'))
    refused(t, "a later format", resume(copy), CHECKPOINT, "format", str(version + 90))
    manifest.write_text(text)
    sealed(manifest, lambda s: re.sub(r'\s*"model.safetensors": \{[^}]*\},', "", s, count=1))
    (manifest.parent / "model.safetensors").unlink(missing_ok=True)
    done = resume(copy)
    said = "model" in done.stderr
    t.check(said and done.returncode in (DONE, CHECKPOINT), f"no model: {last_line(done)}")
    t.note("one process: no world size")
    return t.result()


@case("F21", "Resumed with another seed, batch, rows, dropout or rate")
def other_key(t):
    """The line names the key and both values, not two hashes."""
    ref, run, _ = finished(t)
    for setting, word in (
        ("run.seed=7", "seed"),
        ("batch.rows=6", "rows"),
        ("model.dropout=0.2", "dropout"),
        ("optimizer.lr=0.5", "lr"),
        ("schedule.warmup=9", "warmup"),
        ("data.order=random", "order"),
    ):
        value = setting.partition("=")[2]
        refused(t, setting, resume(run, setting), (CHECKPOINT, 2), word, value)
    for setting in ("run.eval_batches=3", "run.log_every=5", "run.threads=2"):
        done = resume(run, setting)
        t.check(done.returncode == DONE, f"{setting} may change: {last_line(done)}")
    return t.result()
