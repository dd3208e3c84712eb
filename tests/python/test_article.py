# SPDX-License-Identifier: Apache-2.0
"""The report's numbers are those of verdict.json, and its sentences rest on verdicts that stand."""

import importlib
import json
import math
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REPORT = [ROOT / "docs/report.md", *sorted((ROOT / "docs/report").glob("*.md"))]
PAPERS = ["variants", "muon", "neon"]

# What docs/report.md and docs/report/experiments.md say in words. Where one of these changes, read
# the sentence beside it again.
SAID = {
    "confirmed": """L1 L2 L3 L4 L5 L6 L7 N1 N2 N5 N9a N9b N9c N9d Q3a Q3c Q3d Q3e
        M1a M1c M1d M2 M3 M4 M5a M8a M9c M9d Q5a Q5g Q5h
        K1a K6a K6b K6d K6e K6f K7b K7c K7d K7e K7f K7g K7h
        K4a K4b Q4b Q4c Q4e M6c M6e M6f""".split(),
    "contradicted": """N4 N6a N10a N10b Q3f Q3i M6d M7a M7b M7c M8d M9b Q5c Q5d
        K1b K1c K7a Q4a""".split(),
    "absent at this scale": "M7d M7e".split(),
    "not resolved": "N6b Q3b C1 M5b M6 G1 Q5b K6c M6a M6b".split(),
}


@pytest.fixture
def guide(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module("guide")


def verdicts():
    """The contrasts of all verdict.json by their ids."""
    files = (ROOT / "experiments").glob("*/*/verdict.json")
    return {c["id"]: c for f in files for c in json.loads(f.read_text())["contrasts"]}


def numbers(text):
    return [float(x) for x in re.findall(r"[+-]?\d*\.\d+(?:e-\d+)?", text)]


def test_the_tables_show_what_the_verdicts_have(guide):
    known, shown = verdicts(), {}
    for paper in PAPERS:
        for line in guide.results(paper).splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) in (4, 6) and cells[0] not in ("id", "---"):
                assert cells[0] not in shown
                shown[cells[0]] = cells
    assert sorted(shown) == sorted(guide.contrasts())  # each claim once, tested or not
    for name, cells in shown.items():
        own = known.get(name, {"verdict": "not tested"})
        assert (own["verdict"] == "not tested") == (len(cells) == 4), name
        if len(cells) == 6:
            assert cells[3].startswith(own["verdict"]), name
            ends = () if own["interval"] == "none" else ("low", "high")
            wanted = [own[key] for key in ("estimate", *ends) if own[key] is not None]
            assert numbers(cells[2]) == pytest.approx(wanted, rel=0.06, abs=6e-4), name


def test_the_effects_of_each_row_are_the_verdicts(guide):
    lines = guide.by_row("L1").splitlines()
    rows = verdicts()["L1"]["by_row"]
    assert lines[0] == "| backup | outer | here | paper |" and len(lines) == 2 + len(rows) == 11
    for line, row in zip(lines[2:], rows):
        wanted = [row["estimate"], row["low"], row["high"], row["paper"]]
        assert numbers(line) == pytest.approx(wanted, abs=6e-4)
        assert all(f"`{value}`" in line for value in row["row"].values())


def test_every_effect_in_a_sentence_is_one_of_the_contrasts(guide):
    named = {n for page in REPORT for n in re.findall(r"\{found\}`([^`]*)`", page.read_text())}
    assert named >= {"L1", "L7", "N6a", "Q3e", "C1"}
    for name in named:
        text, own = guide.finding(guide.contrasts()[name]), verdicts()[name]
        assert text.endswith(own["verdict"])
        assert numbers(text)[0] == pytest.approx(own["estimate"], rel=0.06, abs=6e-4)


def test_the_sentences_rest_on_verdicts_that_stand():
    known = verdicts()
    found = {name: known[name]["verdict"] for names in SAID.values() for name in names}
    assert found == {name: verdict for verdict, names in SAID.items() for name in names}
    share = f"{100 * known['L7']['estimate']:.0f} %"
    assert all(
        share in page.read_text() for page in REPORT if page.stem in ("report", "experiments")
    )
    assert all(e > 0 for e in known["C1"]["seeds"].values())  # "in all five seeds"
    assert known["K4a"]["estimate"] == pytest.approx(1 / 3, abs=0.02)
    assert known["K4b"]["estimate"] == pytest.approx(1 / 5, abs=0.03)
    for name in ("K6a", "K6b", "K6d", "K6e"):  # "within 3 %"
        assert known[name]["estimate"] == pytest.approx(known[name]["paper"], rel=0.03)
    assert known["N5"]["estimate"] == pytest.approx(0.6, abs=0.005)
    assert max(abs(known[n]["estimate"]) for n in ("N9b", "N9c", "N9d")) < known["N9a"]["estimate"]
    assert math.exp(known["M1c"]["estimate"]) == pytest.approx(2.1, abs=0.05)
    assert math.exp(known["M1d"]["estimate"]) == pytest.approx(2.1, abs=0.05)
    assert math.exp(known["G1"]["estimate"]) == pytest.approx(0.68, abs=0.005)
    assert {round(known[n]["estimate"], 2) for n in ("M7a", "M7b", "M7c")} <= {0.28, 0.29}
    assert 0.4 < known["L5"]["estimate"] / -known["L1"]["estimate"] < 0.6  # "mends half of it"
    assert known["L4"]["low"] > 0  # "small and not 0"
    assert known["N1"]["estimate"] == pytest.approx(known["N1"]["paper"] / 2, rel=0.2)
    assert known["N2"]["estimate"] == pytest.approx(known["N2"]["paper"] / 4, rel=0.2)


def test_a_claim_that_was_not_run_is_shown_as_not_tested(guide, tmp_path, monkeypatch):
    folder = tmp_path / "experiments/neon/made"
    folder.mkdir(parents=True)
    claims = [
        {"id": "Z1", "claim": "f* and F* hold", "paper": None},
        {"id": "Z2", "claim": "so", "paper": 1},
    ]
    (folder / "expected.json").write_text(json.dumps({"question": "?", "contrasts": claims}))
    monkeypatch.setattr(guide, "HERE", tmp_path / "docs")
    monkeypatch.setattr(guide, "EXPERIMENTS", tmp_path / "experiments")
    assert guide.results("neon").splitlines()[2:] == [
        "| id | claim | paper | experiment |",
        "|---|---|---|---|",
        r"| Z1 | f\* and F\* hold | - | `experiments/neon/made` |",
        "| Z2 | so | +1.000 | `experiments/neon/made` |",
    ]
    assert guide.finding(guide.contrasts()["Z1"]) == "not tested"


def test_every_test_that_the_report_names_exists():
    files = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "tests").rglob("*_test.cpp")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    named = [t for page in REPORT for t in re.findall(r"`([^`\s]+)`", page.read_text())]
    python = {t for t in named if t.startswith("test_")}
    cpp = {t for t in named if re.fullmatch(r"[A-Z]\w+\.\w+", t)}
    assert len(python) >= 5 and len(cpp) >= 4
    assert all(f"def {name}(" in text for name in python)
    assert all(re.search(rf"TEST\w*\({t.replace('.', ', ')}\)", text) for t in cpp), cpp
    paths = {
        t
        for t in named
        if re.fullmatch(r"(tests|docs|steepest|benchmarks|experiments)/[\w./-]+", t)
    }
    assert all((ROOT / path).exists() for path in paths), paths
