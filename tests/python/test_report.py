# SPDX-License-Identifier: Apache-2.0
"""steepest report: one page with every verdict and number, whatever the files hold."""

import json
import re

import pytest
from report_pages import CONTRASTS, EVIL, Page, run_line, write_experiment

from trainer import steepest


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


def with_unit(text, unit="nats"):
    """An effect as the page has it: the unit between the number and its interval."""
    number, interval = text.split(" ", 1)
    return f"{number} {unit} {interval}"


def test_the_page_opens_with_counts_then_the_tested_claims_as_sentences(made):
    _, _, page = made
    first = (
        "6 claims in 2 experiments. 1 confirmed 1 contradicted 1 not resolved "
        "1 absent at this scale 2 not tested which"
    )
    assert page.text.split(first)[0].split()[-3:] == ["Claims", "and", "verdicts"]
    places = []
    for name, verdict, *_, text in CONTRASTS:
        sentence = (
            f"{name} claim {name}: {with_unit(text)}; paper +0.282. {verdict} claim of a paper"
        )
        assert sentence in page.text
        places.append(page.text.index(sentence))
    assert places == sorted(places)
    for word in ("differences of the last", "Holm", "TOST", "The rules of the verdicts"):
        assert page.text.index(word) < places[0]


def test_what_is_not_tested_is_one_line_of_an_experiment_and_comes_last(made):
    folder, _, page = made
    html = (folder / "report.html").read_text()
    last = html.index('id="not-tested"')
    assert html.index("row by row") < last
    folded = html[last:]
    assert folded.count("<summary>") == 2 and html.count(">A5<") == 1
    assert "untested (1 claim)" in page.text and "B1 never tried: no machine" in page.text
    assert "never tried" not in html[:last]
    assert html[:last].count("<section") == 2  # of what was run, and this one


def test_no_field_is_empty(made):
    _, _, page = made
    body = page.text[page.text.index("6 claims") :]  # after the style
    for nothing in ("–", "unknown", ": .", "paper .", "None", "nan"):
        assert nothing not in body


def test_every_verdict_and_number_is_there(made):
    _, _, page = made
    for name, verdict, *_, text in CONTRASTS:
        assert f"{name} claim {name} claim of a paper reg - con trials: reg 3, con 2" in page.text
        assert f"{verdict} {with_unit(text)}" in page.text
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
    judged = [contrast | {"verdict": "confirmed", "estimate": 1} for contrast in contrasts]
    (folder / "verdict.json").write_text(json.dumps({"contrasts": judged}))
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    for i, (_, trials) in claims.items():
        assert f"{i} claim {i} {claims[i][0]} trials: {trials} " in page.text


def test_claims_without_an_experiment_are_there(tmp_path):
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "expected.json").write_text('{"contrasts": [{"id": "A1", "claim": "a"}]}')
    claims = [{"id": "S1", "claim": "at the published size", "not_tested": "no such machine"}]
    listed = tmp_path / "not_run.json"
    listed.write_text(json.dumps({"contrasts": claims}))
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    assert "2 claims in 1 experiment." in page.text
    assert "S1 at the published size: no such machine" in page.text
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
    assert "row chosen seeds CPU s counted/max optimizer.lr = 0.1 1 2" in page.text
    assert "A1 a: +0.500 of T m / B. confirmed" in page.text
    assert "A2 a: +0.500 steps [+0.500, +0.500]. confirmed" in page.text
    for unit in ("work over the model's, in multiples of T m / B", "steps to the target"):
        assert unit in page.text  # each has a scale of its own


def test_what_is_not_known_is_not_printed(tmp_path):
    line = run_line("a", "report", 11, 0.1, 2.0)
    for name in ("versions", "processor", "cpu_seconds"):
        del line[name]
    (tmp_path / "table.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "verdict.json").write_text("{}")
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    assert "1 run. commit c0ffee: 1 run" in page.text
    assert "CPU" not in page.text and "unknown" not in page.text


def test_an_arm_has_one_colour_on_the_page(tmp_path):
    for name, arms in {"a": ("x", "con"), "b": ("con", "y"), "c": ("z", "y", "con")}.items():
        folder = tmp_path / name
        folder.mkdir()
        lines = [run_line(arm, "report", 11, 0.1, 2.0) for arm in arms]
        (folder / "table.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
        (folder / "verdict.json").write_text("{}")
    assert steepest("report", tmp_path).returncode == 0
    html = (tmp_path / "report.html").read_text()
    colour = {"con": "s0 d0", "y": "s1 d0", "x": "s2 d0", "z": "s3 d0"}  # by experiments
    drawn = re.findall(r'class="curve (s\d d\d)" d="[^"]*"><title>(\w+)<', html)
    assert [(colour[arm], arm) for _, arm in drawn] == drawn and len(drawn) == 7
    assert html.count('<ul class="legend">') == html.count("<figure>") == 3
    assert html.count(">training loss</text>") == 3


def test_the_words_are_those_of_the_glossary(tmp_path):
    (tmp_path / "verdict.json").write_text('{"contrasts": [{"id": "A1"}]}')
    listed = tmp_path / "glossary.json"
    listed.write_text(json.dumps({"con": EVIL, "q": "a factor"}))
    assert steepest("report", tmp_path).returncode == 0
    page = Page((tmp_path / "report.html").read_text())
    assert f"The words con {EVIL} q a factor" in page.text
    listed.write_text('{"con": 3}')
    done = steepest("report", tmp_path)
    assert done.returncode == 4 and "glossary.json: con: received 3, allowed a text" in done.stderr
