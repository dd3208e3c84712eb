# SPDX-License-Identifier: Apache-2.0
"""What experiments measure beside losses, by made tables and run folders."""

import json
import math
import re

import pytest
from claims import EXPERIMENTS, SEEDS, contrast, line, write
from evidence.experiment import Experiment, judge_all
from evidence.measures import MEASURES, measure_named, seconds_to_accuracy
from evidence.rates import Window
from evidence.scripts import line_of, write_table
from evidence.tables import Sweep, store
from verdict import block

OF_A_LINE = {"steps": 100, "seconds": 50.0, "cpu_seconds": 20.0, "optimizer_share": 0.25}
OF_A_LINE |= {"val_loss": 2.0, "val_accuracy": 0.5, "stage": "report", "status": "done"}
OF_A_LINE |= {
    "rank_share": 0.1,
    "update_rank_share": 0.2,
    "overhead": 0.7,
    "slope": -0.5,
    "first_text_loss": 2.5,
    "steps_to_loss": 60,
    "seconds_to_loss": 12.0,
    "accuracies": [[50, 0.4]],
}


def test_every_measure_of_a_line():
    found = {name: measure.of(OF_A_LINE, [OF_A_LINE]) for name, measure in MEASURES.items()}
    assert found == {
        "val_loss": 2.0,
        "val_accuracy": 0.5,
        "steps": 100,
        "log_steps": math.log(100),
        "log_seconds": math.log(50),
        "log_step_seconds": math.log(0.2),
        "log_optimizer_seconds": math.log(0.05),
        "log_seconds_to_accuracy": math.log(10),  # 50 steps
        "first_text_loss": 2.5,
        "log_steps_to_loss": math.log(60),
        "log_seconds_to_loss": math.log(12),
        "rank_share": 0.1,
        "update_rank_share": 0.2,
        "overhead": 0.7,
        "slope": -0.5,
    }
    with pytest.raises(ValueError, match="measure: received 'loss', allowed val_loss, "):
        measure_named("loss")


def test_the_accuracy_that_all_reach():
    def run(cpu_seconds, *accuracies, status="done"):
        pairs = [[10 * (i + 1), x] for i, x in enumerate(accuracies)]
        costs = {"cpu_seconds": cpu_seconds, "steps": 10 * len(accuracies)}
        return {"stage": "report", "status": status, "accuracies": pairs, **costs}

    fast, slow = run(3.0, 0.3, 0.6, 0.5), run(30.0, 0.2, 0.4, 0.3)
    lines = [fast, slow, run(1.0, 0.1, status="diverged")]
    assert seconds_to_accuracy(fast, lines) == pytest.approx(2.0)  # .4 is first met at step 20
    assert seconds_to_accuracy(slow, lines) == pytest.approx(20.0)


def test_a_diverged_run_has_the_worst_of_each_measure(tmp_path):
    lines = [line("a", s, 2.0, steps=s, val_accuracy=0.1) for s in SEEDS[:4]]
    lines += [line("b", s, 2.0, steps=10, val_accuracy=0.1) for s in SEEDS]
    lines.append({**line("a", 15, None), "steps": 3})
    said = [contrast(">", 1.0, measure="steps"), contrast("<", 0.01, measure="val_accuracy")]
    folder = write(tmp_path / "e", said, lines)
    assert store(folder, SEEDS) == 10
    steps, accuracies = judge_all([Experiment(folder)])[0]["contrasts"]
    assert steps["seeds"] == {"11": 1, "12": 2, "13": 3, "14": 4, "15": 4}
    assert steps["measure"] == "steps" and steps["verdict"] == "confirmed"
    assert accuracies["seeds"] == {"11": 0, "12": 0, "13": 0, "14": 0, "15": -0.1}


def test_store_reads_the_folders_of_the_runs(tmp_path):
    lines = [line(arm, s, 2.0) for arm in ("a", "b") for s in SEEDS]
    said = [contrast("<", 0.1), contrast("=", 0.1, measure="update_rank_share")]
    folder = write(tmp_path / "e", said, lines, measure="rank_share")
    for each in lines:
        run = folder / "sweep" / "runs" / each["key"]
        run.mkdir(parents=True)
        share = 0.1 if each["arm"] == "a" else 0.3
        records = [
            {"rows": 8, "cols": 20, "momentum": {"stable_rank": 8 * (share + d)}} for d in (0, 0.2)
        ]
        records.append({"rows": 8, "cols": 20, "momentum": {"stable_rank": None}})
        records[0]["update"] = {"stable_rank": 4.0}
        (run / "records.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    store(folder, SEEDS)
    (report,) = judge_all([Experiment(folder)])
    assert [row["mean"] for row in report["rows"]] == pytest.approx([0.2, 0.4])
    assert [c["estimate"] for c in report["contrasts"]] == pytest.approx([-0.2, 0.0])
    assert "stable rank of the momentum over its full rank" in block(report)


def test_what_is_counted_is_no_test(tmp_path):
    folder = tmp_path / "paper" / "counted"
    arms = {"counted": [{"model": "small"}, {"model": "large"}]}
    said = {"id": "X1", "claim": "c", "side": "<", "least": 1, "null": 1, "paper": None, "over": ""}
    said |= {"interval": "none", "seeds": [11]}
    contrasts = [{**said, "contrast": f"counted[{m}]"} for m in ("small", "large")]
    other = write(tmp_path / "paper" / "e", [contrast("<")], [])
    folder.mkdir()
    expected = {"question": "?", "paper": "p", "seeds": SEEDS, "measure": "overhead"}
    (folder / "expected.json").write_text(
        json.dumps({**expected, "arms": arms, "contrasts": contrasts})
    )
    lines = [
        line_of("counted", {"model": m}, 11, overhead=x) for m, x in (("small", 0.5), ("large", 2))
    ]
    write_table(folder, lines)
    assert Sweep(folder).rows["counted"][1] == (("model", "large"),)
    assert store(folder, SEEDS) == 2  # as the script has written it
    report, _ = judge_all([Experiment(folder), Experiment(other)])
    small, large = report["contrasts"]
    assert (small["verdict"], large["verdict"]) == ("confirmed", "contradicted")
    assert small["estimate"] == small["low"] == small["high"] == 0.5 and small["p_holm"] is None
    assert "| < 1 | - | +0.500 | confirmed |" in block(report)


def test_a_window_is_of_factors():
    places = [("a", (("optimizer.lr", lr),)) for lr in (0.01, 0.1)]
    with pytest.raises(ValueError, match=r"received 0.01, 0.1, allowed factors of the best rate"):
        Window("optimizer.lr", places, 0.05)
    assert Window("scale", [("a", (("scale", x),)) for x in (0.1, 1.0)], 0.05).axis == "scale"


def test_the_report_has_a_unit_of_each_measure():
    table = EXPERIMENTS.parent / "trainer/report/claim_text.cpp"
    known = re.findall(r'^ +\{"(\w+)", "', table.read_text(), re.MULTILINE)
    assert sorted(known) == sorted(MEASURES)
