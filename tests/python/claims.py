# SPDX-License-Identifier: Apache-2.0
"""Made experiments: a folder with sweep.toml, expected.json and a table of given losses."""

import json
import sys
from pathlib import Path

EXPERIMENTS = Path(__file__).resolve().parents[2] / "experiments"
sys.path.insert(0, str(EXPERIMENTS))

SEEDS = [11, 12, 13, 14, 15]
FIRST_LOSS = 5.5


def line(arm, seed, loss, row=None, **more):
    """A line of a table, as the sweep writes it; a loss of None has diverged."""
    status = "done" if loss is not None else "diverged"
    return {
        "key": f"{arm} {row} {seed} {more}",
        "stage": "tune" if seed == 0 else "report",
        "arm": arm,
        "row": row or {},
        "values": {"optimizer.lr": 0.1},
        "seed": seed,
        "status": status,
        "first_loss": FIRST_LOSS,
        "val_loss": loss,
        "cpu_seconds": 60.0,
        "curve": [[6, 5.1234], [12, 4.5]],
        "D": [[6, 1.0]],
        "processor": "a processor",
        "versions": {"torch": "2.0"},
        "commit": "abc",
        **more,
    }


def contrast(side="<", over=0.02, text="a - b", **more):
    """A contrast of expected.json; `over` is the margin, or the least effect towards its side."""
    amount = {"margin": over} if side == "=" else {"least": over if side == ">" else -over}
    given = {"id": "T1", "claim": "a claim", "contrast": text, "over": "1 row", "side": side}
    return {**given, **amount, "paper": None, **more}


def write(folder, contrasts, lines, arms=("a", "b"), **more):
    """Writes the experiment; `more` is for expected.json."""
    folder.mkdir(parents=True)
    text = 'base = "base.toml"\nseeds = [11, 12, 13, 14, 15]\n'
    axes = more.pop("axes", "")
    text += "".join(f'[[arm]]\nname = "{arm}"\n{axes}' for arm in arms)
    (folder / "sweep.toml").write_text(text)
    expected = {"question": "?", "paper": "p", "seeds": SEEDS, "measure": "val_loss"}
    (folder / "expected.json").write_text(json.dumps({**expected, **more, "contrasts": contrasts}))
    table = folder / "sweep/table.jsonl"
    table.parent.mkdir()
    table.write_text("".join(json.dumps(each) + "\n" for each in lines))
    return folder


def two_arms(effects, base=2.0):
    """The lines of arms a and b whose differences by seed are these; None: a has diverged."""
    lines = []
    for place, (seed, effect) in enumerate(zip(SEEDS, effects)):
        own = base + 0.01 * place  # a spread that pairing takes away
        lines += [line("b", seed, own), line("a", seed, None if effect is None else own + effect)]
    return lines
