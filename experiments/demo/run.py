# SPDX-License-Identifier: Apache-2.0
"""make train: four optimizers on one small GPT, each at the best of the recorded sweep.

    .venv/bin/python experiments/demo/run.py [--binary build/bin/steepest] [--out runs/demo]

Ends with a picture, a table, and 200 bytes written by each model.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import time

import curves


def free_folder(base: pathlib.Path) -> pathlib.Path:
    """base, or the first of base-2, base-3, .. that is not there: nothing is overwritten."""
    folder, number = base, 1
    while folder.exists():
        number += 1
        folder = base.with_name(f"{base.name}-{number}")
    return folder


def say(text: str = "") -> None:
    """Prints a line of progress, on stderr: stdout has the results alone."""
    print(text, file=sys.stderr, flush=True)


def baselines(binary: str) -> dict[str, float]:
    """The losses, in nats a byte, of simple models of the demo's text: bigram, trigram, zlib.

    ``binary`` is the trainer, which computes them. An error where it fails.
    """
    command = [str(binary), "info", "--data", str(curves.CONFIG)]
    command += ["--set", f"data.path={curves.torch_folder()}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)["baselines_nats_per_byte"]


def sample(binary: str, run: pathlib.Path) -> str:
    """200 bytes that the model of the run in folder ``run`` writes after "def ", as text.

    ``binary`` is the trainer; an error where it fails.
    """
    command = [str(binary), "sample", str(run), "--prompt", "def ", "--count", "200"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("utf-8", errors="replace").rstrip("\n")


def table(results: dict[str, dict], baselines: dict[str, float]) -> str:
    """The runs' summaries, by curve, and the baselines' losses as lines of text."""
    rows = [f"{'':34}{'lr':>8}{'validation':>12}{'seconds':>9}{'optimizer':>11}"]
    for name, r in results.items():
        title = curves.CURVES[name]["title"]
        share = 100 * r["optimizer_share"]
        rows.append(f"{title:34}{r['lr']:8g}{r['val_loss']:12.4f}{r['seconds']:9.1f}{share:10.1f}%")
    for name in ("bigram", "trigram", "zlib"):
        rows.append(f"{name:34}{'':8}{baselines[name]:12.4f}")
    return "\n".join(rows)


def main() -> None:
    """Trains every curve, draws them and prints the table and the samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default=str(curves.ROOT / "build/bin/steepest"))
    parser.add_argument("--out", default=str(curves.ROOT / "runs/demo"))
    options = parser.parse_args()
    out = free_folder(pathlib.Path(options.out))
    begin = time.monotonic()
    sweep = curves.recorded_sweep()
    say(f"demo: {curves.torch_folder()}: its Python sources, a GPT of 0.7 M parameters")
    say(f"demo: {len(curves.CURVES)} runs of about a minute each on 2 cores, into {out}")

    results = {}
    for name, curve in curves.CURVES.items():
        lr = curves.best_lr(sweep, name)
        say(f"\n{curve['title']}: lr {lr:g}, the best of {len(sweep['curves'][name])} in the sweep")
        results[name] = curves.train(options.binary, name, lr, out / name) | {"lr": lr}

    say("\nbaselines: bigram and trigram tables, zlib")
    losses = baselines(options.binary)
    (out / "results.json").write_text(json.dumps({"runs": results, "baselines": losses}, indent=1))
    import plot  # matplotlib takes a second: not before the first output

    picture = plot.draw(out, sweep, losses)
    print(f"\nValidation loss in nats a byte after {results['adamw']['steps']} steps\n")
    print(table(results, losses))
    for name in results:
        print(f'\n--- {curves.CURVES[name]["title"]} goes on from "def ":')
        print("def " + sample(options.binary, out / name))
    print(f"\npicture: {picture}\nall done in {time.monotonic() - begin:.0f} s")


if __name__ == "__main__":
    main()
