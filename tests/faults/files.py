# SPDX-License-Identifier: Apache-2.0
"""Files that are not the run's own, and files that are no files."""

import os
import shutil
from pathlib import Path

from kit import (
    CHECKPOINT,
    CONSTANT,
    DATA,
    DONE,
    USAGE,
    case,
    last_line,
    printable,
    reference,
    refused,
    resume,
    sets,
    steps_of,
    train,
    tree,
    weights,
    write_config,
)


def copy_of(ref, folder: Path) -> Path:
    shutil.copytree(ref.folder / "run", folder / "run", symlinks=True)
    return folder / "run"


def victim(folder: Path) -> Path:
    """Somebody's work, outside the run."""
    place = folder / "victim"
    place.mkdir()
    (place / "thesis.txt").write_text("five years of work")
    return place


@case("F1", "Links and files of other people in a run folder")
def other_peoples_files(t):
    """Nothing outside the run's own regular files is opened for writing, followed or removed."""
    ref = reference(t, **CONSTANT)
    for name in ("ckpt-999", "ckpt-2", "ckpt-41", ".lock", "metrics.jsonl", "env.json"):
        folder = t.sub("link")
        place, run = victim(folder), copy_of(ref, folder)
        target = place if name.startswith("ckpt-") else place / "thesis.txt"
        (run / name).unlink(missing_ok=True)
        (run / name).symlink_to(target)
        before = tree(place)
        done = resume(run, "run.steps=44", "run.checkpoint_every=1")
        t.check(tree(place) == before, f"{name} as a link: what is behind it has changed")
        t.check((run / name).is_symlink(), f"{name}: the link was removed or replaced")
        t.check(done.returncode != "hangs", f"{name}: hangs")
        if done.returncode != DONE:
            refused(t, f"{name} as a link", done, CHECKPOINT, name)
    moved_away(t, ref)
    kept(t, ref)
    foreign_environment(t)
    return t.result("6 links, a moved checkpoint, 3 foreign files, 3 foreign env.json")


def moved_away(t, ref):
    """An old checkpoint on another disk, linked back: kept there, whatever the run does."""
    folder = t.sub("moved")
    run, disk = copy_of(ref, folder), folder / "disk"
    disk.mkdir()
    oldest = run / f"ckpt-{min(steps_of(run))}"
    shutil.move(oldest, disk / oldest.name)
    oldest.symlink_to(disk / oldest.name)
    before = tree(disk)
    resume(run, "run.steps=46", "run.checkpoint_every=1")
    t.check(tree(disk) == before, "a checkpoint moved to another disk was emptied")


def kept(t, ref):
    folder = t.sub("kept")
    run = copy_of(ref, folder)
    (run / "notes.tmp-1").write_text("mine")
    (run / "plots.tmp-old").mkdir()
    (run / "plots.tmp-old" / "a.png").write_text("mine")
    (run / "ckpt-best").mkdir()
    done = resume(run, "run.steps=42")
    t.check(done.returncode == DONE, f"foreign names: exit {done.returncode}, {last_line(done)}")
    for name in ("notes.tmp-1", "plots.tmp-old/a.png", "ckpt-best"):
        t.check((run / name).exists(), f"{name} was removed")


def foreign_environment(t):
    for text in ('{"mine": 1}', "[1, 2]", "x"):
        folder = t.sub("foreign")
        config, run = write_config(folder, **CONSTANT), folder / "run"
        run.mkdir()
        (run / "env.json").write_text(text)
        done = train("train", config, "--quiet")
        whole = (run / "env.json").read_text() == text
        t.check(whole, f"env.json {text} was written to")
        if done.returncode == DONE:
            continue
        refused(t, f"env.json {text}", done, CHECKPOINT, "env.json")
        left = sorted(p.name for p in run.iterdir() if p.name != "env.json")
        t.check(not left, f"env.json {text}: refused, but left {left}")


def replaced(path: Path, kind: str) -> None:
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()


@case("F2", "FIFOs, devices and folders in the place of files", heavy=True)
def no_files(t):
    """Refused in one line that names the file; nothing hangs or fills the memory."""
    ref = reference(t, **CONSTANT)
    newest = f"ckpt-{max(steps_of(ref.folder / 'run'))}"
    parts = ("manifest.json", "model.safetensors", "optimizer.safetensors")
    names = [*(f"{newest}/{name}" for name in parts), "metrics.jsonl", "env.json", "config.toml"]
    for kind in ("fifo", "device", "folder"):
        for name in names:
            if kind == "device" and not (t.long or name == names[0]):
                continue
            folder = t.sub("odd")
            run = copy_of(ref, folder)
            replaced(run / name, kind)
            done = resume(run, timeout=8)
            what = f"{name} as a {kind}"
            if not t.check(done.returncode != "hangs", f"{what}: hangs") or done.returncode == DONE:
                continue  # damage of the newest checkpoint may be passed over, and is said
            refused(t, what, done, (USAGE, CHECKPOINT), Path(name).name)
        config = t.sub("config") / "run.toml"
        replaced(config, kind)
        done = train("train", config, timeout=8)
        refused(t, f"run file as a {kind}", done, (USAGE, CHECKPOINT), "run.toml")
        data = t.sub("data")
        config = write_config(data)
        shutil.rmtree(data / "text")
        replaced(data / "text", kind)
        done = train("train", config, timeout=8)
        refused(t, f"data as a {kind}", done, DATA, "text")
    return t.result("3 kinds of files that are none")


@case("F11", "A sparse file of 4 TiB as any input")
def sparse(t):
    """One line that names the file; no std::bad_alloc, no killed process."""
    ref = reference(t, **CONSTANT)
    size = 4 << 40
    probe = t.folder / "probe"
    try:
        with open(probe, "wb") as file:
            file.truncate(size)
    except OSError:
        size = 1 << 40
        t.note("this file system has no 4 TiB files: 1 TiB")
    finally:
        probe.unlink(missing_ok=True)

    def huge(path: Path) -> None:
        with open(path, "wb") as file:
            file.truncate(size)

    newest = f"ckpt-{max(steps_of(ref.folder / 'run'))}"
    for name in (f"{newest}/manifest.json", "metrics.jsonl", "env.json", "config.toml"):
        folder = t.sub("run")
        run = copy_of(ref, folder)
        huge(run / name)
        done = resume(run, timeout=60)
        if name.endswith("manifest.json") and done.returncode == DONE:
            t.check(newest in done.stderr, f"{name}: passed over, and nothing said")
        else:
            refused(t, name, done, (USAGE, CHECKPOINT), Path(name).name)
    for kind, extra in (
        ("text", []),
        ("tokens", ["model.vocab=300", "data.validation_path=big.bin"]),
        ("cifar10", ["model.kind=mlp"]),
    ):
        folder = t.sub(kind)
        path = folder / ("data_batch_1.bin" if kind == "cifar10" else "big.bin")
        huge(path)
        place = folder if kind == "cifar10" else path
        settings = [f"run.out={folder}/out", f"data.kind={kind}", f"data.path={place}", *extra]
        done = train("train", *sets(settings), cwd=folder, timeout=60)
        refused(t, kind, done, DATA, path.name)
    return t.result("4 files of a run, 3 kinds of data")


@case("F13", "compare: deep JSON, a last line cut by a kill")
def compare(t):
    """A cut last line is left out; damaged lines are refused in one line; nothing crashes."""
    ref = reference(t, **CONSTANT)
    whole = train("compare", ref.folder / "run", "--json")
    t.check(whole.returncode == DONE, f"compare: {last_line(whole)}")
    for what, tail in (
        ("a cut line", b'{"step": 41, "lo'),
        ("deep JSON", b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}\n"),
        ("deep JSON, cut", b'{"a":' + b"[" * 200_000),
        ("no object", b"[1]\n"),
        ("no text", b"\xff\xfe\x00\n"),
    ):
        folder = t.sub("compared")
        run = copy_of(ref, folder)
        with open(run / "metrics.jsonl", "ab") as log:
            log.write(tail)
        done = train("compare", run, "--json", timeout=30)
        if what == "a cut line" or (what.endswith("cut") and done.returncode == DONE):
            same = done.stdout.replace(str(run), "") == whole.stdout.replace(
                str(ref.folder / "run"), ""
            )
            t.check(
                done.returncode == DONE and same, f"{what}: {done.returncode} {last_line(done)}"
            )
        elif not (done.returncode == DONE and what == "deep JSON"):
            refused(t, what, done, CHECKPOINT, "metrics.jsonl")
    deep = t.sub("deep")
    run = copy_of(ref, deep)
    (run / "env.json").write_text("[" * 200_000 + "]" * 200_000)
    done = resume(run, "run.steps=41", timeout=30)
    t.check(
        done.returncode in (DONE, CHECKPOINT), f"deep env.json: {done.returncode} {last_line(done)}"
    )
    t.check((run / "env.json").stat().st_size < 1 << 20, "deep env.json: grown to many MB")
    return t.result()


ODD = ('a"b', "a\\b", "a'b\tc", "ä%s", "a\nb", "a #b", " a ", b"\xff\xfea")


@case("F9", "Paths with quotes, backslashes, tabs, newlines, bytes that are not UTF-8")
def odd_paths(t):
    """Train and resume go to the folder named, and end as elsewhere; or one line at the start that
    says which bytes are not allowed, and nothing is written."""
    ref = reference(t, **CONSTANT)
    taken = 0
    for odd in ODD:
        folder = t.sub("odd")
        name = os.fsencode(odd)
        place = os.fsencode(folder) + b"/" + name
        os.mkdir(place)
        config = write_config(folder, **CONSTANT)
        out = os.fsdecode(name)
        shown = printable(repr(odd))
        before = set(os.listdir(os.fsencode(folder)))
        done = train("train", config, "--quiet", *sets([f"run.out={out}/run"]), cwd=folder)
        t.check(set(os.listdir(os.fsencode(folder))) == before, f"{shown}: wrote elsewhere")
        if done.returncode != DONE:
            refused(t, shown, done, (USAGE, CHECKPOINT))
            t.check(not os.listdir(place), f"{shown}: refused, but left {os.listdir(place)}")
            continue
        taken += 1
        run = Path(os.fsdecode(place)) / "run"
        t.check(not ref.repeated_by(run), f"{shown}: {ref.repeated_by(run)}")
        again = resume(Path(f"{out}/run"), "run.steps=41", cwd=folder)
        what = f"{shown}: resume: exit {again.returncode}, {last_line(again)}"
        t.check(again.returncode == DONE and max(steps_of(run)) == 41, what)
        t.check(set(os.listdir(os.fsencode(folder))) == before, f"{shown}: resumed elsewhere")
        t.check(len(weights(run)) == len(ref.weights), f"{shown}: other weights")
    return t.result(f"{taken} of {len(ODD)} taken, the others refused")
