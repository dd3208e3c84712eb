# SPDX-License-Identifier: Apache-2.0
"""An experiment whose files hold HTML, and the page of steepest report as a reader sees it."""

import json
from html.parser import HTMLParser

EVIL = "<script>alert(1)</script>\"'><img src=http://example.com/x>&amp;"
VOID = {"meta", "line", "rect", "path"}  # without an end of their own

CONTRASTS = [
    ("A1", "confirmed", 0.0912, 0.0814, 0.101, ">", "+0.091 [+0.081, +0.101]"),
    ("A2", "contradicted", 0.052, 0.041, 0.063, "=", "+0.052 [+0.041, +0.063]"),
    ("A3", "absent at this scale", -0.003, -0.014, 0.008, "<", "−0.003 [−0.014, +0.008]"),
    ("A4", "not resolved", 0.62, 0.31, None, ">", "+0.620 [+0.310, +∞]"),
]


def run_line(arm, stage, seed, rate, loss, status="done"):
    return {
        "key": f"{arm}-{seed}-{rate}",
        "stage": stage,
        "arm": arm,
        "row": {"optimizer.outer": "max"},
        "values": {"optimizer.lr": rate},
        "seed": seed,
        "status": status,
        "val_loss": loss,
        "curve": [[step, loss + 10 / step] for step in (10, 20, 30)],
        "cpu_seconds": 2.0,
        "versions": {"steepest": "0.1.0", "torch": "2.0"},
        "commit": "c0ffee",
        "processor": "P",
    }


def write_experiment(folder):
    folder.mkdir(parents=True)
    claims = [
        {"id": i, "claim": f"claim {i}", "contrast": "reg - con", "side": side, "paper": 0.282}
        for i, _, _, _, _, side, _ in CONTRASTS
    ]
    claims.append({"id": "A5", "claim": EVIL, "contrast": EVIL, "paper": EVIL, "side": "<"})
    expected = {"question": EVIL, "paper": "a paper", "measure": "val_loss", "contrasts": claims}
    (folder / "expected.json").write_text(json.dumps(expected))
    verdicts = [
        {"id": i, "verdict": v, "estimate": e, "low": lo, "high": hi, "seeds": {"11": e, "12": e}}
        for i, v, e, lo, hi, _, _ in CONTRASTS
    ]
    verdicts[0]["by_row"] = [{"row": {"x": EVIL}, "estimate": 0.125, "low": 0.1, "high": 0.15}]
    verdicts[1]["tost"] = {"low": 0.0432, "high": 0.0613, "p": 0.9}
    verdicts[3]["why"] = "14 seeds would do"
    verdict = {"contrasts": verdicts, "notes": [EVIL]}
    (folder / "verdict.json").write_text(json.dumps(verdict))
    lines = [
        run_line(arm, "tune", 0, rate, 2 + rate) for arm in ("con", "reg") for rate in (0.01, 0.1)
    ]
    lines += [
        run_line(arm, "report", seed, 0.01, 2.0) for arm in ("con", EVIL) for seed in (11, 12)
    ]
    lines.append(run_line("reg", "tune", 0, 1.0, 99.0, "diverged"))
    (folder / "table.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "sweep.toml").write_text(f"# {EVIL}\n")
    (folder / "README.md").write_text(f"# {EVIL}\n\n    steepest sweep sweep.toml --set x={EVIL}\n")


class Page(HTMLParser):
    """The text of a page, once its elements are seen to be paired."""

    def __init__(self, page):
        super().__init__()
        self.words, self.open, self.tags, self.links = [], [], set(), []
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [v for k, v in attrs if k in ("href", "src", "xlink:href", "data")]
        assert not [k for k, _ in attrs if k.startswith("on")]
        self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)
