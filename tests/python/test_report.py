# SPDX-License-Identifier: Apache-2.0
"""steepest report: one page with every verdict and number, whatever the files hold."""

import json
from html.parser import HTMLParser

import pytest

from trainer import steepest

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


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_experiment(folder / "p" / "made")
    untested = folder / "p" / "untested"
    untested.mkdir()
    claims = [{"id": "B1", "claim": "never tried", "paper": "9 of 9", "not_tested": "no machine"}]
    (untested / "expected.json").write_text(json.dumps({"contrasts": claims}))
    runs = folder / "p" / "made" / "sweep" / "runs" / "x"  # not looked into
    runs.mkdir(parents=True)
    (runs / "verdict.json").write_text("{")
    done = steepest("report", folder)
    assert done.returncode == 0, done.stderr
    return folder, done, Page((folder / "report.html").read_text())


def test_every_verdict_and_number_is_there(made):
    _, _, page = made
    for name, verdict, *_, text in CONTRASTS:
        assert f"{name} claim {name} {verdict} {text} +0.282 2 reg 3, con 2" in page.text
    assert "B1 never tried not tested – 9 of 9 – –" in page.text
    assert "6 claims in 2 experiments. 1 confirmed 1 contradicted" in page.text
    for text in (
        "+0.125 [+0.100, +0.150]",
        "90 %: [+0.043, +0.061]",
        "14 seeds would do",
        "no machine",
        "con/max",
    ):
        assert text in page.text
    assert (
        "9 runs, 5 of them trials of the tuning; 1 diverged or died; 18 CPU seconds." in page.text
    )
    assert "steepest 0.1.0, torch 2.0, commit c0ffee, P: 9 runs" in page.text
    assert "2.0000 ± 0.0000" in page.text and "optimizer.lr" in page.text


def test_nothing_of_the_files_becomes_html(made):
    _, _, page = made
    assert page.text.count(EVIL) > 8
    assert not page.tags & {"script", "img", "link", "iframe", "object"}
    assert all(link.startswith("#") for link in page.links)


def test_it_needs_no_network_and_no_script(made):
    folder, _, page = made
    text = (folder / "report.html").read_text()
    assert "default-src &#39;none&#39;" in text
    assert "@media (prefers-color-scheme: dark)" in text and "width=device-width" in text
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style
    assert {"svg", "details", "table"} <= page.tags


def test_what_is_missing_is_told(made):
    folder, done, page = made
    untested = folder / "p" / "untested"
    assert done.stdout == f"{folder / 'report.html'}\n"
    assert done.stderr.splitlines() == [
        f"{untested}: There is no verdict.json: nothing is tested yet.",
        f"{untested}: There is no table.jsonl: no runs, no curves.",
    ]
    for line in done.stderr.splitlines():
        assert line.split(": ", 1)[1] in page.text


def test_the_same_files_give_the_same_page(made, tmp_path):
    folder, _, _ = made
    done = steepest("report", folder, "--out", tmp_path / "page.html")
    assert done.returncode == 0
    assert (tmp_path / "page.html").read_bytes() == (folder / "report.html").read_bytes()


def test_bad_input_is_one_line(made, tmp_path):
    def refusal(*words):
        done = steepest("report", *words)
        assert done.stdout == "" and done.stderr.count("\n") == 1
        return done.returncode, done.stderr

    assert refusal(tmp_path / "none")[0] == 2
    code, text = refusal(tmp_path)
    assert code == 2 and "allowed a folder with an expected.json or a verdict.json" in text
    broken = tmp_path / "broken"
    write_experiment(broken)
    (broken / "verdict.json").write_text('{"contrasts": [{"id": "A1", "low": "x"}]}')
    code, text = refusal(broken)
    assert code == 4
    assert f'{broken}/verdict.json: contrasts[0]: low: received "x", allowed a number' in text
    assert not (broken / "report.html").exists()
    code, text = refusal(made[0], "--out", tmp_path / "no" / "page.html")
    assert code == 4 and "page.html" in text


def test_trials_are_those_of_the_rows_that_a_contrast_names(tmp_path):
    folder = tmp_path / "e"
    folder.mkdir()
    rows = {"ky_fan(k=4)": 2, "ky_fan(k=16,q=2)": 3, "spectral": 1}
    lines = []
    for norm, trials in rows.items():
        for seed, count in ((0, trials), (11, 1)):
            for i in range(count):
                line = run_line("k", "report" if seed else "tune", seed, 0.1 * i, 2.0)
                lines.append(line | {"row": {"norm": norm, "k": 8}, "key": f"{norm} {seed} {i}"})
    (folder / "table.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    claims = {
        "C1": ("k[ky_fan(k=4)] - k[spectral]", "k[ky_fan(k=4)] 2, k[spectral] 1"),
        "C2": ("k[ky_fan(k=16,q=2),8] / k", "k[ky_fan(k=16,q=2),8] 3, k 1 to 3"),
        "C3": ("k[spectral|ky_fan(k=4)] - k[9]", "k[spectral|ky_fan(k=4)] 1 to 2"),
    }
    contrasts = [{"id": i, "claim": f"claim {i}", "contrast": c} for i, (c, _) in claims.items()]
    (folder / "expected.json").write_text(json.dumps({"contrasts": contrasts}))
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    for i, (_, trials) in claims.items():
        assert f"{i} claim {i} not tested – – – {trials}" in page.text


def test_claims_without_an_experiment_are_there(tmp_path):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "expected.json").write_text('{"contrasts": [{"id": "A1", "claim": "a"}]}')
    claims = [{"id": "S1", "claim": "at the published size", "not_tested": "no such machine"}]
    listed = tmp_path / "not_run.json"
    listed.write_text(json.dumps({"contrasts": claims}))
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    assert "2 claims in 1 experiment." in page.text
    assert "S1 at the published size not tested" in page.text and "no such machine" in page.text
    assert "Claims without an experiment" in page.text
    listed.write_text('{"contrasts": [3]}')
    done = steepest("report", tmp_path)
    assert done.returncode == 4 and "not_run.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_what_is_counted_has_no_loss_and_no_interval(tmp_path):
    contrasts = [{"id": "A1", "claim": "a", "estimate": 0.5, "low": 0.5, "high": 0.5}]
    contrasts[0] |= {"interval": "none", "verdict": "confirmed", "measure": "overhead"}
    contrasts.append({**contrasts[0], "id": "A2", "interval": "t", "measure": "steps"})
    (tmp_path / "verdict.json").write_text(json.dumps({"contrasts": contrasts}))
    line = run_line("counted", "report", 11, 0.1, 2.0)
    for name in ("val_loss", "curve"):
        del line[name]
    (tmp_path / "table.jsonl").write_text(json.dumps(line) + "\n")
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    assert "counted/max optimizer.lr = 0.1 0 1 – 0 2" in page.text
    assert "A1 a confirmed +0.500 – – –" in page.text
    assert "A2 a confirmed +0.500 [+0.500, +0.500] – – –" in page.text
    assert "overhead" in page.text and "steps" in page.text  # each unit has a picture of its own
