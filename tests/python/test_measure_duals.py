# SPDX-License-Identifier: Apache-2.0
"""run.measure_duals: D of every step of any recipe, with the same run to the bit."""

import pytest

from trainer import losses, steepest, weights, write_config

NAMES = ("muon", "polargrad", "muonmax-momo", "neon", "adamw")


def trained(folder, config, recipe, *sets):
    words = [
        f"run.out={folder}",
        f"optimizer.recipe={recipe}",
        "run.steps=8",
        "schedule.kind=constant",
        *sets,
    ]
    done = steepest("train", config, *[word for s in words for word in ("--set", s)])
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("recipe", NAMES)
def test_it_changes_no_bit_and_tells_every_step(tmp_path, recipe):
    config = write_config(tmp_path)
    plain = trained(tmp_path / "plain", config, recipe)
    told = trained(tmp_path / "told", config, recipe, "run.measure_duals=true")
    assert weights(plain) == weights(told)
    steps = [row for row in losses(told) if "loss" in row]
    assert len(steps) == 8 and all(row["D"] > 0 for row in steps)
    without = [{k: v for k, v in row.items() if k != "D"} for row in losses(told)]
    assert without == [{k: v for k, v in row.items() if k != "D"} for row in losses(plain)]


def test_momo_tells_its_gap(tmp_path):
    run = trained(tmp_path / "run", write_config(tmp_path), "muonmax-momo")
    for row in losses(run):
        if "q" in row:
            assert row["q"] == pytest.approx(min(1, max(row["gap"], 0) / row["D"] ** 2), rel=1e-12)
    assert sum("q" in row for row in losses(run)) == 8


def test_a_run_may_go_on_with_it(tmp_path):
    run = trained(tmp_path / "run", write_config(tmp_path), "muon")
    sets = ("--set", "run.steps=10", "--set", "run.measure_duals=true")
    done = steepest("train", "--resume", run, *sets)
    assert done.returncode == 0, done.stderr
    assert ["D" in row for row in losses(run) if "loss" in row] == [False] * 8 + [True] * 2
