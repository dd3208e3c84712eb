# SPDX-License-Identifier: Apache-2.0
"""[record]: what is told of a run's matrices, with the same run to the bit."""

import json
import signal
import time

import pytest

from trainer import losses, start, steepest, weights, write_config

RECIPES = ("muon", "muonmax-momo", "neon", "adamw", "shampoo", "sgd-momo")
FOUR = ("gradient", "momentum", "update", "weights")
NUMBERS = ("stable_rank", "entropy_rank", "condition_99")


def words(folder, **sets):
    sets = {"run.out": folder, "run.steps": 8, "schedule.kind": "constant", **sets}
    return [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]


def trained(folder, config, **sets):
    done = steepest("train", config, *words(folder, **sets))
    assert done.returncode == 0, done.stderr
    return folder


def records(run):
    return [json.loads(line) for line in (run / "records.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_changes_no_bit(tmp_path, recipe):
    config = write_config(tmp_path)
    plain = trained(tmp_path / "plain", config, **{"optimizer.recipe": recipe})
    sets = {"optimizer.recipe": recipe, "record.every": 2, "record.what": "spectra"}
    told = trained(tmp_path / "told", config, **sets, **{"record.match": '"*"'})
    assert weights(plain) == weights(told)
    assert losses(plain) == losses(told)
    assert not (plain / "records.jsonl").exists()
    lines = records(told)
    assert {line["step"] for line in lines} == {2, 4, 6, 8}
    assert all(line["dual_norm"] > 0 for line in lines)


def test_a_summary_says_what_it_is_asked(tmp_path):
    run = trained(tmp_path / "run", write_config(tmp_path), **{"record.steps": "[1, 5]"})
    lines = records(run)
    matrices = {(line["parameter"], line["matrix"]) for line in lines if line["step"] == 5}
    assert len(matrices) == len(lines) / 2 and {line["step"] for line in lines} == {1, 5}
    for line in lines:
        least = min(line["rows"], line["cols"])
        for kind in FOUR:
            row = line[kind]
            assert 1 <= row["stable_rank"] <= row["entropy_rank"] <= least * (1 + 1e-9)
            assert row["condition_99"] >= 1 and "singular_values" not in row
        assert line["change_rms"] > 0 and line["weight_rms"] > 0
        assert -1 <= line["gradient_cosine"] <= 1
        # At the first step there is no last momentum.
        assert ("momentum_cosine" in line) == (line["step"] > 1)
    sgd = trained(
        tmp_path / "only",
        tmp_path / "run.toml",
        **{"record.every": 4, "record.of": '["weights"]', "record.match": '["*token*"]'},
    )
    for line in records(sgd):
        assert "token" in line["parameter"] and not {"gradient", "momentum", "update"} & {*line}
        assert line["weights"].keys() == set(NUMBERS)


def test_singular_values_are_whole(tmp_path):
    sets = {"record.steps": "[3]", "record.what": "spectra"}
    for line in records(trained(tmp_path / "run", write_config(tmp_path), **sets)):
        for kind in FOUR:
            row, least = line[kind], min(line["rows"], line["cols"])
            values = row["singular_values"]
            assert len(values) + row["lost"] == least
            assert values == sorted(values, reverse=True) and values[-1] >= 1e-8 * values[0]
            energy = sum(value * value for value in values)
            assert row["stable_rank"] == pytest.approx(energy / values[0] ** 2, rel=1e-12)
        energy = sum(value * value for value in line["update"]["singular_values"])
        mean = energy / line["rows"] / line["cols"]
        assert line["change_rms"] == pytest.approx(mean**0.5, rel=1e-9)


def test_a_killed_run_goes_on_without_gaps_or_doubles(tmp_path):
    config = write_config(tmp_path)
    sets = {"record.every": 3, "run.steps": 400, "run.checkpoint_every": 10}
    whole = trained(tmp_path / "whole", config, **sets)
    cut = tmp_path / "cut"
    process = start("train", config, *words(cut, **sets))
    end = time.monotonic() + 60
    path = cut / "records.jsonl"
    while not (cut / "ckpt-20").exists() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    with path.open("ab") as file:
        file.write(b'{"step":400,"cut')
    done = steepest("train", "--resume", cut)
    assert done.returncode == 0, done.stderr
    assert weights(cut) == weights(whole)
    assert path.read_bytes() == (whole / "records.jsonl").read_bytes()


def test_it_may_begin_and_end_within_a_run(tmp_path):
    run = trained(tmp_path / "run", write_config(tmp_path))
    more = ("--set", "run.steps=10", "--set", "record.every=5")
    assert steepest("train", "--resume", run, *more).returncode == 0
    assert {line["step"] for line in records(run)} == {10}


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("record.what", "all", "allowed summary, spectra"),
        ("record.of", '["weight"]', "allowed gradient, momentum"),
        ("record.every", "-1", "allowed a whole number from 0"),
        ("record.match", '["*nothing*"]', "globs that match a parameter"),
        ("record.steps", "[0]", "whole number"),
    ],
)
def test_bad_input_is_one_line(tmp_path, key, value, text):
    sets = {"record.every": 1, key: value}
    done = steepest("train", write_config(tmp_path), "--quiet", *words(tmp_path / "run", **sets))
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()
    assert key in done.stderr and text in done.stderr


def test_a_table_without_steps_is_refused(tmp_path):
    sets = {"record.what": "spectra"}
    done = steepest("train", write_config(tmp_path), *words(tmp_path / "run", **sets))
    assert done.returncode == 2 and "record.every: received 0" in done.stderr
