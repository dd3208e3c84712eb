# SPDX-License-Identifier: Apache-2.0
"""Verdicts on claims: each rule of experiments/PROTOCOL.md is reached by a made table."""

import json

import pytest
from claims import EXPERIMENTS, FIRST_LOSS, SEEDS, contrast, line, two_arms, write
from evidence.contrast import parse
from evidence.experiment import Experiment, judge_all
from evidence.rates import mean_over, width_below
from evidence.tables import A_PATH, Sweep, store
from verdict import all_papers, folders_of, judge, text_of, with_block, with_index

# Five effects around a mean with the standard deviation .00158: the 95 % interval is +- .00196,
# that of 90 % +- .00151.
AROUND = [-0.002, -0.001, 0.0, 0.001, 0.002]


def around(mean, spread=1.0):
    return [mean + spread * each for each in AROUND]


def judged(folder, contrasts, lines, **more):
    """The first contrast of verdict.json of a made experiment."""
    write(folder, contrasts, lines, **more)
    assert store(folder, SEEDS) == len(lines)
    (report,) = judge_all([Experiment(folder)])
    return report["contrasts"][0]


@pytest.mark.parametrize(
    "said, effects, wanted",
    [
        (contrast("<"), around(-0.03), "confirmed"),
        (contrast(">"), around(+0.03), "confirmed"),
        (contrast("<"), around(+0.03), "contradicted"),
        (contrast(">"), around(-0.03), "contradicted"),
        (contrast("<"), around(-0.001), "absent at this scale"),
        (contrast("<"), around(-0.01), "absent at this scale"),  # there, but it does not count
        (contrast("<"), around(-0.019), "not resolved"),  # clear, and just too small
        (contrast("<"), around(-0.03, spread=30), "not resolved"),
        (contrast("="), around(+0.015), "confirmed"),
        (contrast("="), around(-0.015), "confirmed"),
        (contrast("="), around(+0.03), "contradicted"),
        (contrast("="), around(-0.03), "contradicted"),
        (contrast("="), around(+0.02), "not resolved"),
        (contrast("=", not_tested="no machine"), around(0.0), "not tested"),
    ],
)
def test_every_verdict(tmp_path, said, effects, wanted):
    found = judged(tmp_path / "e", [said], two_arms(effects))
    assert found["verdict"] == wanted and found["why"]
    if wanted == "not tested":
        assert found["estimate"] is None and found["why"] == "no machine"
    else:
        assert found["estimate"] == pytest.approx(sum(effects) / 5, rel=1e-4)
        assert found["low"] < found["estimate"] < found["high"]
        assert found["seeds"] == {str(s): pytest.approx(e) for s, e in zip(SEEDS, effects)}


def test_the_seeds_needed_would_do(tmp_path):
    said, effects = contrast("<"), around(-0.03, spread=30)
    found = judged(tmp_path / "few", [said], two_arms(effects))
    # t s / sqrt(n) < .03 with s = .0474: 12 seeds have t = 2.201, 13 have 2.179.
    s = 30 * (10e-6 / 4) ** 0.5
    assert 2.201 * s / 12**0.5 > 0.03 > 2.179 * s / 13**0.5
    assert found["seeds_needed"] == 13


def test_an_effect_on_the_border_needs_more_seeds_than_any(tmp_path):
    found = judged(tmp_path / "e", [contrast("=")], two_arms(around(0.02)))
    assert found["verdict"] == "not resolved" and found["seeds_needed"] is None


def test_a_diverged_run_counts_as_the_worst_value(tmp_path):
    effects = [-0.03, -0.03, None, -0.03, -0.03]
    found = judged(tmp_path / "e", [contrast("<")], two_arms(effects))
    assert found["seeds"]["13"] == pytest.approx(FIRST_LOSS - 2.02)
    assert found["estimate"] == pytest.approx((FIRST_LOSS - 2.02 - 4 * 0.03) / 5, rel=1e-4)
    assert found["verdict"] == "not resolved"


def test_a_row_that_never_trained_has_the_worst_value(tmp_path):
    lines = [x for x in two_arms(around(0.0)) if x["arm"] == "b"] + [line("a", 0, None)]
    found = judged(tmp_path / "e", [contrast(">")], lines)
    assert found["verdict"] == "confirmed"
    assert found["estimate"] == pytest.approx(FIRST_LOSS - 2.02, rel=1e-4)
    (report,) = judge_all([Experiment(tmp_path / "e")])
    (row,) = [row for row in report["rows"] if row["arm"] == "a"]
    assert row["diverged"] == SEEDS and row["mean"] == FIRST_LOSS and row["trials"] == 1


def test_a_missing_run_leaves_it_untested(tmp_path):
    lines = two_arms(around(-0.03))[:-1]
    found = judged(tmp_path / "e", [contrast("<")], lines)
    assert found["verdict"] == "not tested" and "1 of 2 rows" in found["why"]


def test_holm_widens_the_intervals_of_a_paper(tmp_path):
    one = judged(tmp_path / "one", [contrast("<")], two_arms(around(-0.03)))
    folders = [
        write(tmp_path / name, [contrast("<"), contrast("=")], two_arms(around(-0.03)))
        for name in ("first", "second", "third")
    ]
    for folder in folders:
        store(folder, SEEDS)
    reports = judge_all([Experiment(folder) for folder in folders])
    several = [report["contrasts"][0] for report in reports]
    assert one["level"] == pytest.approx(0.95) and one["p_holm"] == one["p"]
    # Of three equal p-values each has three times the p-value; the levels are .05 / 3, / 2, / 1.
    assert [x["p_holm"] for x in several] == pytest.approx([3 * one["p"]] * 3, rel=1e-4)
    assert [x["level"] for x in several] == pytest.approx([1 - 0.05 / 3, 0.975, 0.95], rel=1e-4)
    assert several[0]["low"] < several[1]["low"] < several[2]["low"] == one["low"]
    equal = [report["contrasts"][1] for report in reports]
    assert {(x["level"], x["p_holm"]) for x in equal} == {(0.95, None)}


@pytest.mark.parametrize(
    "gain, wanted",
    [
        (0.08, "confirmed"),
        (0.0499, "not resolved"),
        (0.02, "absent at this scale"),
        (-0.05, "contradicted"),
    ],
)
def test_a_share_has_fiellers_interval(tmp_path, gain, wanted):
    lines = two_arms(around(0.1))
    lines += [line("c", s, 2.1 + 0.01 * i - gain) for i, s in enumerate(SEEDS)]
    said = contrast(">", 0.5, "(a - c) / (a - b)", interval="Fieller")
    found = judged(tmp_path / "e", [said], lines, arms=("a", "b", "c"))
    assert found["estimate"] == pytest.approx(gain / 0.1, rel=1e-3)
    assert found["verdict"] == wanted and found["seeds"] is None


def test_a_share_of_nothing_is_not_resolved(tmp_path):
    lines = two_arms(around(0.0)) + [line("c", s, 1.9) for s in SEEDS]
    said = contrast(">", 0.5, "(a - c) / (a - b)", interval="Fieller")
    lines[1]["val_loss"] += 0.001  # the mean of the denominator is not 0
    found = judged(tmp_path / "e", [said], lines, arms=("a", "b", "c"))
    assert found["verdict"] == "not resolved" and found["low"] is None and found["high"] is None


AXES = "axes = { scale = [0.1, 1.0, 10.0] }\n"


def curve(arm, losses):
    return [
        line(arm, seed, loss + 0.001 * (seed - 13), {"scale": scale})
        for seed in SEEDS
        for scale, loss in zip((0.1, 1.0, 10.0), losses)
    ]


@pytest.mark.parametrize(
    "wide, wanted",
    [
        ((2.1, 2.0, 2.2), "confirmed"),
        ((2.5, 2.0, 3.1), "absent at this scale"),
        ((3.0, 2.0, 4.0), "contradicted"),
    ],
)
def test_the_excess_over_a_window_of_rates(tmp_path, wide, wanted):
    lines = curve("a", wide) + curve("b", (2.5, 2.0, 3.1))
    said = contrast("<", -0.75, "excess(a) / excess(b)", interval="bootstrap", null=1)
    window = {"axis": "scale", "rows": ["a", "b"], "within": 0.05}
    more = {"axes": AXES, "robustness": window}
    found = judged(tmp_path / "e", [said], lines, **more)
    # The mean of a line through three points one decade apart is (x + 2 y + z) / 4.
    excess = [(x[0] + 2 * x[1] + x[2]) / 4 - 2.0 for x in (wide, (2.5, 2.0, 3.1))]
    assert found["estimate"] == pytest.approx(excess[0] / excess[1], rel=1e-3)
    assert found["verdict"] == wanted
    (report,) = judge_all([Experiment(tmp_path / "e")])
    own = report["rates"][0]
    assert own["row"] == "a" and own["excess"][0] == pytest.approx(excess[0], abs=1e-4)
    # Within 5 % of 2 is up to 2.1: a share of the way up to each neighbour.
    decades = min(1, 0.1 / (wide[0] - 2)) + min(1, 0.1 / (wide[2] - 2))
    assert own["decades"][0] == pytest.approx(decades, abs=1e-3)


def test_the_lines_through_a_curve():
    assert mean_over([0, 1, 3], [1.0, 3.0, 0.0]) == pytest.approx((2 + 3) / 3)
    assert width_below([0, 1, 2], [1.0, 1.0, 3.0], 2.0) == pytest.approx(1.5)
    assert width_below([0, 1], [2.0, 2.0], 1.0) == 0
    assert width_below([0, 1], [2.0, 2.0], 2.0) == 1


def test_formulas():
    rows = {arm: [(("k", 1), ("n", "x(p=2,q=3)")), (("k", 2), ("n", "y"))] for arm in ("a-b", "c")}
    losses = {("a-b", rows["c"][0]): 1.0, ("a-b", rows["c"][1]): 3.0}
    losses |= {("c", rows["c"][0]): 10.0, ("c", rows["c"][1]): 20.0}
    for text, value in {
        "a-b": 2.0,
        "a-b - c": -13.0,
        "c[1] - c[y]": -10.0,
        "c[1|2,x(p=2,q=3)]": 10.0,
        "(c - a-b) / (c[2] - a-b[2])": 13 / 17,
        "mean(a-b, c)": 34 / 4,
        "range(a-b, c)": 19.0,
        "least(c - a-b, a-b)": 2.0,
    }.items():
        assert parse(text, rows).value(losses) == pytest.approx(value), text


@pytest.mark.parametrize("text", ["d", "a-b[3]", "a-b -", "a-b c", "(c", "range(c", "", "a-b * c"])
def test_what_is_no_formula_is_refused(text):
    rows = {"a-b": [(("k", 1),)], "c": [()]}
    with pytest.raises(ValueError, match="contrast .*: received .*, allowed arms of the sweep"):
        parse(text, rows)


def test_a_stored_table_has_its_own_runs_and_no_path(tmp_path):
    lines = two_arms(around(0.0)) + [line("other", 11, 2.0), line("a", 99, 2.0)]
    lines.append({**line("b", 0, None), "error": "/srv/me/run: no such file, 3/4 done"})
    folder = write(tmp_path / "e", [contrast()], lines)
    assert store(folder, SEEDS) == 11
    stored = [json.loads(x) for x in (folder / "table.jsonl").read_text().splitlines()]
    assert {(x["arm"], x["seed"]) for x in stored} == {
        *((arm, seed) for arm in ("a", "b") for seed in SEEDS),
        ("b", 0),
    }
    assert stored[-1]["error"] == "..: no such file, 3/4 done" and "curve" not in stored[-1]
    assert stored[0]["curve"] == [[6, 5.123], [12, 4.5]] and "D" not in stored[0]


FOLDERS = [folder for paper in all_papers() for folder in folders_of(paper)]
NAMES = [str(folder.relative_to(EXPERIMENTS)) for folder in FOLDERS]


@pytest.mark.parametrize("paper", all_papers(), ids=lambda paper: paper.name)
def test_what_is_stored_follows_from_the_tables(paper):
    index = (EXPERIMENTS / "README.md").read_text()
    for folder, found in judge(paper).items():
        if (folder / "table.jsonl").exists():
            assert (folder / "verdict.json").read_text() == text_of(found), folder.name
        readme = (folder / "README.md").read_text()
        assert "<!-- verdict -->" in readme and readme == with_block(readme, found)
        assert index == with_index(index, found)


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_every_registered_contrast_can_be_read(folder):
    index = (EXPERIMENTS / "README.md").read_text()
    expected = json.loads((folder / "expected.json").read_text())
    rows = Sweep(folder).rows
    for said in expected["contrasts"]:
        assert f"\n| {said['id']} |" in index
        assert ("margin" in said) == (said["side"] == "=") != ("least" in said)
        if "not_tested" not in said:
            assert parse(said["contrast"], rows).all_places()
    for said in expected.get("paper_losses", []):
        arms = [arm for arm in said if arm != "row"]
        assert arms and all(tuple(sorted(said["row"].items())) in rows[arm] for arm in arms)


@pytest.mark.parametrize("folder", FOLDERS, ids=NAMES)
def test_stored_tables_are_small_and_name_no_folder(folder):
    table = folder / "table.jsonl"
    text = table.read_text() if table.exists() else ""
    assert len(text) < 1_000_000 and not A_PATH.search(text)


def test_the_claims_without_a_folder_are_those_of_not_run_json():
    index = (EXPERIMENTS / "README.md").read_text().partition("\n## Contrasts\n")[2]
    rows = [[c.strip() for c in row.split("|")[1:-1]] for row in index.splitlines()[3:]]
    own = {
        said["id"]
        for f in FOLDERS
        for said in json.loads((f / "expected.json").read_text())["contrasts"]
    }
    listed = json.loads((EXPERIMENTS / "not_run.json").read_text())["contrasts"]
    rest = [[said["id"], said["claim"], said["not_tested"], "not tested"] for said in listed]
    assert [row for row in rows if row[0] not in own] == rest


def test_the_experiments_of_make_reproduce_are_there():
    listed = json.loads((EXPERIMENTS / "reproduce.json").read_text())
    assert sorted(each["folder"] for each in listed) == sorted(NAMES)
    assert sum(each["minutes"] for each in listed) < 2 * 8 * 60
    assert all(each["minutes"] <= 2 * 45 for each in listed)
    for each in listed:
        folder = EXPERIMENTS / each["folder"]
        assert ("script" in each) == (not (folder / "sweep.toml").exists())
        assert (folder / each.get("script", "sweep.toml")).exists()
