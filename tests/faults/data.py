# SPDX-License-Identifier: Apache-2.0
"""Training data that is damaged, too short, or changes."""

import json
import os
import random
import re
import struct
from pathlib import Path

from kit import (
    DATA,
    DONE,
    case,
    last_line,
    refused,
    sets,
    steps_of,
    train,
    write_config,
)

MAGIC, VERSION = 20240520, 1


def tokens(count=600, vocab=200, header=(MAGIC, VERSION, None)) -> bytes:
    head = [count if h is None else h for h in header] + [0] * 253
    ids = random.Random(0)
    return struct.pack("<256i", *head) + struct.pack(
        f"<{count}H", *(ids.randrange(vocab) for _ in range(count))
    )


def token_run(folder: Path, data: bytes, *settings: str, **options):
    """Trains on this shard, validates on a good one."""
    shard, good = folder / "shard.bin", folder / "good.bin"
    shard.write_bytes(data)
    good.write_bytes(tokens())
    config = write_config(folder)
    chosen = [
        "data.kind=tokens",
        f"data.path={shard}",
        f"data.validation_path={good}",
        "model.vocab=200",
        *settings,
    ]
    return train("train", config, "--quiet", *sets(chosen), **options)


def nothing_written(t, folder, what):
    t.check(not (folder / "run").exists(), f"{what}: left a run folder")


@case("9", "Token shards with wrong headers")
def token_headers(t):
    """Refused with file, what was received and what is allowed; never read outside (case 30)."""
    whole = tokens()
    folder = t.sub("whole")
    done = token_run(folder, whole)
    t.check(done.returncode == DONE, f"a good shard: {last_line(done)}")
    for what, data in (
        ("empty", b""),
        ("7 bytes", b"7 bytes"),
        ("half a header", whole[:512]),
        ("header only", whole[:1024]),
        ("header only, count 0", tokens(0)),
        ("magic", tokens(header=(MAGIC + 1, VERSION, None))),
        ("version 0", tokens(header=(MAGIC, 0, None))),
        ("version 99", tokens(header=(MAGIC, 99, None))),
        ("count above the file", tokens(header=(MAGIC, VERSION, 601))),
        ("count below the file", tokens(header=(MAGIC, VERSION, 599))),
        ("odd byte", whole + b"x"),
        ("one byte less", whole[:-1]),
        ("count 2^31-1", tokens(header=(MAGIC, VERSION, 2**31 - 1))),
        ("count -5", tokens(header=(MAGIC, VERSION, -5))),
    ):
        folder = t.sub("damaged")
        refused(t, what, token_run(folder, data), DATA, "shard.bin")
        nothing_written(t, folder, what)
    return t.result()


@case("10", "Token id outside the vocabulary")
def token_range(t):
    """Refused with its position before training; never an index out of range."""
    for place in (0, 333, 599):
        data = bytearray(tokens())
        data[1024 + 2 * place : 1026 + 2 * place] = struct.pack("<H", 200)
        folder = t.sub("range")
        refused(t, f"token {place}", token_run(folder, bytes(data)), DATA, f"{place} ", "200")
        nothing_written(t, folder, f"token {place}")
    return t.result("first, middle, last")


@case("11", "Data shorter than one row, as long, batch larger than the data")
def short_data(t):
    """Refused; one row is trained; refused with the number of rows there are."""
    for count, rows, words in ((32, 1, ["33"]), (33, 1, None), (33, 2, ["rows"]), (65, 2, None)):
        folder = t.sub("short")
        what = f"{count} tokens, {rows} rows of 32"
        settings = [f"batch.rows={rows}", "batch.accumulate=1", "run.steps=3"]
        done = token_run(folder, tokens(count), *settings)
        if words is None:
            t.check(done.returncode == DONE, f"{what}: {last_line(done)}")
            t.check(steps_of(folder / "run") == [3], f"{what}: not trained")
        else:
            refused(t, what, done, DATA, *words)
            nothing_written(t, folder, what)
    return t.result("too short, equal, too many rows, two rows")


def counted(done) -> dict[str, int]:
    return json.loads(done.stdout) if done.returncode == DONE else {}


@case("12", "Text: empty, no newline, NUL, invalid UTF-8, BOM, CRLF, 1 GiB sparse")
def texts(t):
    """Bytes are taken as they are and counted right; an empty file is refused."""
    body = b"some bytes of text " * 40
    for what, data in (
        ("no newline", body),
        ("NUL", body.replace(b" ", b"\0")),
        ("invalid UTF-8", body.replace(b" ", b"\xff\xfe")),
        ("BOM", b"\xef\xbb\xbf" + body),
        ("CRLF", body.replace(b" ", b"\r\n")),
    ):
        folder = t.sub("text")
        (folder / "a.txt").write_bytes(data)
        config = write_config(folder)
        done = train("info", "--data", config, *sets([f"data.path={folder}/a.txt"]))
        found = counted(done)
        total = found.get("train bytes", 0) + found.get("validation bytes", 0)
        t.check(total == len(data), f"{what}: {total} of {len(data)} bytes, {last_line(done)}")
    folder = t.sub("empty")
    (folder / "a.txt").write_bytes(b"")
    config = write_config(folder)
    done = train("train", config, "--quiet", *sets([f"data.path={folder}/a.txt"]))
    refused(t, "empty", done, DATA, "a.txt")
    nothing_written(t, folder, "empty")
    size = 1 << 30 if room() > 6 << 30 else 1 << 27
    with open(folder / "a.txt", "wb") as file:
        file.truncate(size)
    settings = [f"data.path={folder}/a.txt", "run.steps=2", "schedule.warmup=0"]
    done = train("info", "--data", config, *sets(settings), cwd=folder)
    numbers = re.findall(r'"(?:train|validation) bytes": ([0-9]+)', done.stdout)
    good = sum(map(int, numbers)) == size
    t.check(done.returncode == DONE and good, f"{size} sparse: {numbers} {last_line(done)}")
    return t.result(f"5 kinds of bytes, empty, {size >> 20} MiB of zeros")


def room() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def cifar(folder: Path, records=4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    at = random.Random(1)
    for name in [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]:
        rows = [bytes([at.randrange(10)]) + at.randbytes(3072) for _ in range(records)]
        (folder / name).write_bytes(b"".join(rows))
    return folder


@case("13", "CIFAR files: labels, sizes, missing, folder, link, glob")
def images(t):
    """Refused naming the file, and the record where it is one."""
    config = ["data.kind=cifar10", "model.kind=mlp", "batch.rows=4", "run.steps=2"]

    def attempt(folder, place):
        return train(
            "train", "--quiet", *sets([*config, f"data.path={place}", "run.out=out"]), cwd=folder
        )

    folder = t.sub("good")
    done = attempt(folder, cifar(folder / "data"))
    t.check(done.returncode == DONE, f"good files: {last_line(done)}")

    def flip(path, at, value):
        data = bytearray(path.read_bytes())
        data[at] = value
        path.write_bytes(data)

    def swap(path, make):
        path.unlink()
        make(path)

    name = "data_batch_3.bin"
    for what, damage, words in (
        ("label 10", lambda p: flip(p, 3073, 10), ["record 1", "10"]),
        ("label 255", lambda p: flip(p, 3 * 3073, 255), ["record 3", "255"]),
        ("one byte short", lambda p: p.write_bytes(p.read_bytes()[:-1]), ["3073"]),
        ("one byte more", lambda p: p.write_bytes(p.read_bytes() + b"x"), ["3073"]),
        ("empty", lambda p: p.write_bytes(b""), []),
        ("missing", lambda p: p.unlink(), []),
        ("a folder", lambda p: swap(p, Path.mkdir), ["folder"]),
        ("a dangling link", lambda p: swap(p, lambda q: q.symlink_to("gone")), []),
        ("a FIFO", lambda p: swap(p, os.mkfifo), []),
    ):
        folder = t.sub("damaged")
        place = cifar(folder / "data")
        damage(place / name)
        refused(t, what, attempt(folder, place), DATA, name, *words)
        t.check(not (folder / "out").exists(), f"{what}: left a run folder")
    for place in ("nothing/*.bin", "gone"):
        refused(t, place, attempt(t.sub("none"), place), DATA, place)
    return t.result()
