# SPDX-License-Identifier: Apache-2.0
"""What a person types: words that are no command or option, numbers without a digit, changes."""

import json
import shutil

import pytest
from test_command import one_line

from trainer import contents, finished_run, losses, steepest, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of 8 steps at a constant rate, whose steps may grow; not to be changed."""
    return finished_run(tmp_path_factory.mktemp("finished"), 8)


@pytest.fixture
def again(run, tmp_path):
    return shutil.copytree(run, tmp_path / "again")


@pytest.mark.parametrize(
    "args, words",
    [
        (["trian", "run.toml"], ['received "trian"', "allowed train, eval", "nearest: train"]),
        (["--verison"], ['received "--verison"', "nearest: --version"]),
        (["train", "--resum", "run"], ['train: received "--resum"', "nearest: --resume"]),
        (["eval", "run", "--batchs", "3"], ['eval: received "--batchs"', "nearest: --batches"]),
        (["eval", "run", "--batchs=3"], ['eval: received "--batchs"', "nearest: --batches"]),
        (["compare", "--jsn", "run"], ['compare: received "--jsn"', "nearest: --json"]),
        (["eval", "run", "other"], ['eval: received "other", which is one argument too many']),
        ([], ["received no command, allowed train, eval"]),
        (["sample"], ["run"]),
    ],
)
def test_unknown_words_name_the_nearest(args, words):
    one_line(steepest(*args), 2, *words)


@pytest.mark.parametrize(
    "text, value", [(".01", 0.01), ("+.01", 0.01), ("1.", 1.0), ("1e-2", 0.01)]
)
def test_a_rate_without_a_digit_before_its_point(tmp_path, text, value):
    config = write_config(tmp_path)
    done = steepest("train", config, "--dry-run", "--set", f"optimizer.lr={text}")
    assert done.returncode == 0, done.stderr
    assert f"\nlr = {value}\n" in done.stdout


@pytest.mark.parametrize("text", [".01", "1."])
def test_such_a_number_in_a_file_is_refused_in_words_that_help(tmp_path, text):
    config = write_config(tmp_path, lr=("lr = 0.02", f"lr = {text}"))
    line = config.read_text().splitlines().index(f"lr = {text}") + 1
    one_line(steepest("train", config), 2, f"run.toml:{line}", "write 0.01 for .01, and 1.0 for 1.")


def test_what_is_no_number_stays_text(tmp_path):
    one_line(
        steepest("train", write_config(tmp_path), "--set", "optimizer.lr=.x"),
        2,
        'optimizer.lr: received ".x", allowed a number from 0',
    )


# -- changes on purpose ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    "override, key",
    [
        ("optimizer.lr=0.01", "optimizer.lr"),
        ("optimizer.backup_lr=0.01", "optimizer.backup_lr"),
        ("schedule.warmup=2", "schedule.warmup"),
    ],
)
def test_a_change_names_key_values_and_the_option_that_allows_it(again, override, key):
    before = contents(again)
    done = steepest("train", "--resume", again, "--set", override)
    one_line(done, 4, f"{key}: received", "expected", f"--allow-change {key} goes on with it")
    assert {**contents(again), again / ".lock": b""} == {**before, again / ".lock": b""}


@pytest.mark.parametrize("word", ["lr", "optimizer.lr"])
def test_a_rate_may_change_on_purpose(again, word):
    steps = ["--set", "run.steps=12"]
    args = [*steps, "--set", "optimizer.lr=0.01", "--allow-change", word]
    done = steepest("train", "--resume", again, *args)
    assert done.returncode == 0, done.stderr
    assert "optimizer.lr: 0.02 until here, 0.01 from here on: allowed" in done.stderr
    rates = [row["lr"] for row in losses(again) if "lr" in row]
    assert rates == [0.02] * 8 + [0.01] * 4
    assert "\nlr = 0.01\n" in (again / "config.toml").read_text()
    # From there on that is the run's rate.
    more = steepest("train", "--resume", again, "--set", "run.steps=13")
    assert more.returncode == 0, more.stderr


def test_schedule_and_steps_may_change_on_purpose(again):
    # Further steps are free under a constant schedule only.
    change = ["--set", "schedule.kind=cosine", "--set", "run.steps=16"]
    done = steepest("train", "--resume", again, *change, "--allow-change", "schedule")
    one_line(done, 4, "run.steps: received 16", "--allow-change run.steps")
    allow = ["--allow-change", "schedule", "--allow-change", "steps"]
    done = steepest("train", "--resume", again, *change, *allow)
    assert done.returncode == 0, done.stderr
    assert "schedule.kind: 'constant' until here, 'cosine' from here on: allowed" in done.stderr
    assert losses(again)[-2]["lr"] < 0.002


def test_what_makes_another_run_may_not_be_allowed(again):
    done = steepest("train", "--resume", again, "--set", "model.width=64", "--allow-change", "lr")
    one_line(done, 4, "model.width: received 64, expected 32 as when the run began")
    done = steepest("train", "--resume", again, "--allow-change", "model.width")
    one_line(done, 2, '--allow-change: received "model.width", allowed lr, steps, schedule')
    done = steepest("train", "--resume", again, "--allow-change", "schedul")
    one_line(done, 2, "nearest: schedule")
    done = steepest("train", again / "config.toml", "--allow-change", "lr")
    one_line(done, 2, "--allow-change: received without --resume")


# -- the same numbers everywhere -------------------------------------------------------------------
def test_eval_says_where_it_takes_other_batches_than_the_run(run):
    done = steepest("eval", run)
    found = json.loads(done.stdout)
    assert f"validated on {found['batches']} of {found['batches']} batches" in done.stderr
    assert "the run itself takes 2 (run.eval_batches): --batches 2" in done.stderr
    same = steepest("eval", run, "--batches", 2)
    assert same.stderr == "" and json.loads(same.stdout)["batches"] == 2
    assert json.loads(same.stdout)["val_loss"] == losses(run)[-1]["val_loss"]


def test_compare_shows_rates_seeds_and_losses(run):
    head, line = steepest("compare", run).stdout.splitlines()
    columns = "run recipe lr backup_lr seed steps train validation seconds optimizer".split()
    assert head.split() == columns
    row = dict(zip(columns, line.split()))
    told = losses(run)
    assert (row["lr"], row["seed"], row["steps"]) == ("0.02", "0", "8")
    assert row["validation"] == f"{told[-1]['val_loss']:.4f}"
    assert row["train"] == f"{told[-2]['loss']:.4f}"
    assert float(row["backup_lr"]) > 0
    whole = json.loads(steepest("compare", run, "--json").stdout)[0]
    assert whole["seed"] == 0 and whole["lr"] == 0.02 and whole["val_accuracy"] is None


def test_a_run_of_relative_data_goes_on_from_any_folder(tmp_path, monkeypatch):
    write_config(tmp_path)
    text = (tmp_path / "run.toml").read_text()
    text = text.replace(str(tmp_path / "text"), "text").replace("steps = 40", "steps = 4")
    (tmp_path / "run.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert steepest("train", "run.toml").returncode == 0
    assert f"path = '{tmp_path}/text'\n" in (tmp_path / "run" / "config.toml").read_text()
    monkeypatch.chdir(tmp_path / "run")
    assert steepest("eval", ".").returncode == 0
    assert steepest("train", "--resume", ".").returncode == 0
    monkeypatch.chdir(tmp_path)
    for given, stored in [("./text", "text"), ("text/*.txt", "text/*.txt"), (".//text/", "text/")]:
        done = steepest("train", "run.toml", "--dry-run", "--set", f"data.path={given}")
        assert f"\npath = '{tmp_path}/{stored}'\n" in done.stdout, done.stderr


def images(tmp_path, *extra):
    sets = ["model.kind=mlp", "data.kind=procedural", "data.train_images=200", "run.steps=30"]
    sets += ["data.validation_images=40", "batch.rows=20", f"run.out={tmp_path}/run", *extra]
    return steepest("train", *[w for s in ["run.threads=1", *sets] for w in ("--set", s)])


def test_pictures_have_an_accuracy(tmp_path):
    done = images(tmp_path, "batch.accumulate=2")
    assert done.returncode == 0, done.stderr
    rows = losses(tmp_path / "run")
    steps, last = [row for row in rows if "loss" in row], rows[-1]
    assert all(0 <= row["accuracy"] <= 1 for row in steps)
    assert all(round(20 * row["accuracy"], 9) % 1 == 0 for row in steps)  # of 20 pictures
    assert steps[-1]["accuracy"] > 0.2  # ten kinds
    assert (
        "  accuracy " in done.stderr
        and f"accuracy {100 * last['val_accuracy']:.1f}%" in done.stderr
    )
    summary = json.loads(done.stdout)
    assert summary["val_accuracy"] == last["val_accuracy"]
    same = json.loads(steepest("eval", tmp_path / "run", "--batches", 8).stdout)
    assert same["val_accuracy"] == last["val_accuracy"]
    # Another process: its memory lies elsewhere, and convolutions may round otherwise.
    assert same["val_loss"] == pytest.approx(last["val_loss"], rel=1e-6)
    resumed = json.loads(steepest("train", "--resume", tmp_path / "run").stdout)
    assert resumed["val_accuracy"] == last["val_accuracy"]
    assert "accuracy" in steepest("compare", tmp_path / "run").stdout.splitlines()[0]


@pytest.mark.parametrize(
    "recipe, has",
    [
        ("muon", set()),
        ("muonmax", {"D"}),
        ("muon-momo", {"D", "q", "f_star"}),
        ("sgd-momo", {"D", "q", "f_star"}),
    ],
)
def test_metrics_have_what_the_recipe_computes(tmp_path, recipe, has):
    config = write_config(
        tmp_path, recipe=("muonmax-momo", recipe), steps=("steps = 40", "steps = 4")
    )
    done = steepest("train", config, "--set", "optimizer.f_star=0.5")
    assert done.returncode == 0, done.stderr
    for row in losses(tmp_path / "run"):
        if "loss" in row:
            assert {"D", "q", "f_star"} & set(row) == has
            assert row.get("f_star", 0.5) == 0.5


def test_metrics_follow_a_bound_that_is_tracked(tmp_path):
    config = write_config(
        tmp_path, recipe=("muonmax-momo", "sgd-momo"), steps=("steps = 40", "steps = 6")
    )
    done = steepest(
        "train", config, "--set", "optimizer.f_star_rule=momo_star", "--set", "optimizer.lr=10"
    )
    assert done.returncode == 0, done.stderr
    bounds = [row["f_star"] for row in losses(tmp_path / "run") if "loss" in row]
    assert len(bounds) == 6 and all(bound >= 0 for bound in bounds) and max(bounds) > 0


def test_a_run_file_may_leave_the_rate_to_the_run(tmp_path):
    config = write_config(
        tmp_path, lr=("lr = 0.02", 'lr = "auto"'), steps=("steps = 40", "steps = 8")
    )
    done = steepest("train", config)
    assert done.returncode == 0, done.stderr
    assert "\nlr_auto = true\n" in (tmp_path / "run" / "config.toml").read_text()
    found = [row["q"] for row in losses(tmp_path / "run") if "loss" in row]
    assert len(found) == 8 and all(q > 0 for q in found[:-1])  # it ends at 0
    bad = write_config(
        tmp_path,
        lr=("lr = 0.02", 'lr = "auto"'),
        recipe=("muonmax-momo", "muonmax"),
    )
    done = steepest("train", bad, "--set", "run.out=" + str(tmp_path / "other"))
    line = "lr_auto: received true with step_size fixed, allowed with step_size momo"
    assert done.returncode != 0 and line in done.stderr
