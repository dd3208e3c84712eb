# SPDX-License-Identifier: Apache-2.0
"""The logger's lines, how it goes on after an interruption, and the pictures of runs."""

import importlib.util
import json
import subprocess
import sys

import pytest
import torch
from torch import nn

import steepest
from steepest import plot
from steepest._spectrum import ranks, singular_values
from steepest.logger import Logger

needs_matplotlib = pytest.mark.skipif(
    importlib.util.find_spec("matplotlib") is None, reason="matplotlib is not installed"
)
needs_tensorboard = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="tensorboard is not installed"
)


def lines(path):
    """The objects of a file, refusing what JSON has not (NaN)."""
    refuse = lambda word: pytest.fail(f"{word} is no JSON")  # noqa: E731
    return [json.loads(line, parse_constant=refuse) for line in path.read_text().splitlines()]


class Writer:
    """In place of a SummaryWriter: keeps the tags."""

    tags: set[str] = set()

    def add_scalar(self, tag, _value, _step):
        self.tags.add(tag)


def train(path, steps, first=1, name="muonmax-momo", **options):
    """A few steps of a small network, each logged."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 4), nn.LayerNorm(4))
    optimizer = steepest.make(name, model, lr=0.02, backup_lr=0.001)
    with Logger(path, optimizer, **options) as log:
        for step in range(first, first + steps):
            loss = model(torch.randn(5, 6)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step(loss=loss)
            log.log(step, loss=loss)
    return optimizer


def test_keys_are_the_trainers(tmp_path):
    path = tmp_path / "new" / "run.jsonl"
    optimizer = train(path, 5, every=2)
    rows = lines(path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert all({"loss", "lr", "seconds"} <= row.keys() for row in rows)
    assert rows[0]["lr"] == 0.02 and rows[0]["lrs"] == pytest.approx([0.02, 0.001])
    assert [("q" in row, "D" in row, "parameters" in row) for row in rows] == [
        (odd, odd, odd) for odd in (True, False, True, False, True)
    ]
    stats = optimizer.stats()
    assert rows[-1]["D"] == stats["step"]["D"] and rows[-1]["q"] == stats["step"]["q"]
    weight = stats["parameters"]["0.weight"]
    assert rows[-1]["parameters"]["0.weight"] == {
        key: weight[key] for key in ("update_rms", "dual_norm", "spectral_norm", "polar_residual")
    }
    seconds = [row["seconds"] for row in rows]
    assert seconds == sorted(seconds)


def test_ranks_have_the_names_of_the_trainers_records(tmp_path):
    of = ["gradient", "momentum", "weights"]
    optimizer = train(tmp_path / "run.jsonl", 2, of=of, tensorboard=Writer())
    row = lines(tmp_path / "run.jsonl")[-1]["parameters"]["0.weight"]
    (weight,) = (p for p in optimizer._params() if p.shape == (8, 6))
    momentum = optimizer.state[weight]["momentum_buffer"]
    for name, tensor in zip(of, (weight.grad, momentum, weight)):
        s = torch.linalg.svdvals(tensor.detach().double())
        p = s**2 / (s**2).sum()
        enough = next(k for k in range(6) if p[: k + 1].sum() >= 0.99)
        assert row[name] == pytest.approx(
            {
                "stable_rank": float((s**2).sum() / s[0] ** 2),
                "entropy_rank": float(torch.exp(-(p * p.log()).sum())),
                "condition_99": float(s[0] / s[enough]),
            },
            rel=1e-6,
        )
    assert row["weight_rms"] == pytest.approx(float(weight.detach().square().mean().sqrt()))
    cosine = torch.cosine_similarity(momentum.flatten(), weight.grad.flatten(), dim=0)
    assert row["gradient_cosine"] == pytest.approx(float(cosine), rel=1e-5)
    assert "weight_rms" not in lines(tmp_path / "run.jsonl")[-1]["parameters"]["0.bias"]
    assert "momentum/stable_rank/0.weight" in Writer.tags
    with pytest.raises(ValueError, match="of: received 'update', allowed gradient, momentum, w"):
        Logger(tmp_path / "other.jsonl", of=["update"])


def test_a_matrix_without_numbers_has_no_ranks():
    for value in (0.0, float("nan"), float("inf")):
        assert set(ranks(torch.full((2, 3), value)).values()) == {None}
    lossy = torch.diag(torch.tensor([1.0, 1e-7, 1e-10], dtype=torch.float64))
    assert len(singular_values(lossy)) == 2


def test_goes_on_and_repairs(tmp_path):
    path = tmp_path / "run.jsonl"
    train(path, 3)
    with path.open("a") as file:
        file.write('{"step": 4, "lo')  # killed here
    train(path, 2, first=4)
    rows = lines(path)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert rows[3]["seconds"] >= rows[2]["seconds"]


def test_other_optimizers_and_none(tmp_path):
    parameter = nn.Parameter(torch.zeros(2))
    groups = [{"params": [parameter]}, {"params": [nn.Parameter(torch.zeros(1))], "lr": 0.5}]
    path = tmp_path / "run.jsonl"
    with Logger(path, torch.optim.SGD(groups, lr=0.1)) as log:
        log.log(1, loss=torch.tensor([2.0]), val_loss=float("nan"), good=True)
    with Logger(path) as log:
        log.log(2, accuracy=torch.tensor(0.5, dtype=torch.bfloat16))
    first, second = lines(path)
    del first["seconds"], second["seconds"]
    assert first == {
        "step": 1, "loss": 2.0, "lr": 0.1, "lrs": [0.1, 0.5], "val_loss": None, "good": True,
    }  # fmt: skip
    assert second == {"step": 2, "accuracy": 0.5}


def test_refusals(tmp_path):
    log = Logger(tmp_path / "run.jsonl")
    with pytest.raises(TypeError, match=r"loss: received shape \(2,\), allowed one number"):
        log.log(1, loss=torch.zeros(2))
    with pytest.raises(TypeError, match="note: received 'text'"):
        log.log(1, note="text")
    with pytest.raises(ValueError, match="lr: received twice"):
        Logger(tmp_path / "b", torch.optim.SGD([nn.Parameter(torch.zeros(1))])).log(1, lr=2)
    with pytest.raises(ValueError, match="every: received -1"):
        Logger(tmp_path / "c", every=-1)
    assert log.path.read_text() == ""
    log.close()
    log.close()
    with pytest.raises(ValueError, match="is closed"):
        log.log(1)


@needs_tensorboard
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(tmp_path / "run.jsonl", 2, tensorboard=tmp_path / "board")
    board = EventAccumulator(str(tmp_path / "board"))
    board.Reload()
    tags = set(board.Tags()["scalars"])
    assert {"loss", "lr", "lr/0", "lr/1", "q", "D", "dual_norm/0.weight"} <= tags
    assert [event.step for event in board.Scalars("loss")] == [1, 2]


def test_tensorboard_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="pip install tensorboard"):
        Logger(tmp_path / "run.jsonl", tensorboard=str(tmp_path))
    assert not (tmp_path / "run.jsonl").exists()


def write(path, rows):
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_repeated_steps_count_once(tmp_path):
    rows = [{"step": s, "loss": s} for s in (1, 2, 3)] + [{"step": 3, "val_loss": 9}]
    again = [{"step": s, "loss": -s} for s in (3, 4)] + [{"step": 4, "val_loss": 8}]
    run = plot.read_run(str(write(tmp_path / "a.jsonl", rows + again)))
    assert run.curve("loss", "steps") == ([1, 2, 3, 4], [1, 2, -3, -4])
    assert run.curve("val_loss", "steps") == ([4], [8])


@needs_matplotlib
@pytest.mark.parametrize("x", ["steps", "seconds"])
def test_picture_of_a_trainer_run_and_a_log(tmp_path, x):
    rows = [
        {"step": s, "loss": 5 / s, "lr": 0.1 * (9 - s), "q": 1.0, "D": 1 / s, "seconds": s / 9}
        for s in range(1, 10)
    ]
    rows[3]["loss"] = None
    write(tmp_path / "trainer" / "metrics.jsonl", [*rows, {"step": 9, "val_loss": 1, "seconds": 1}])
    train(tmp_path / "log.jsonl", 4, name="muon")
    picture = tmp_path / "out.png"
    code = plot.main(
        [str(tmp_path / "trainer"), str(tmp_path / "log.jsonl"), "-o", str(picture), "--x", x]
    )
    assert code == 0 and picture.read_bytes().startswith(b"\x89PNG")
    runs = [plot.read_run(str(tmp_path / name)) for name in ("trainer", "log.jsonl")]
    figure = plot.draw(runs, x)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        "loss: smoothed training, validation (large marks)",
        "learning rate, thin: other groups",
        "Momo's q",
        "dual norm D of the network",
        "dual norm of each parameter: log",
    ]
    named = {axes.get_title(): axes.get_legend() for axes in figure.axes[:4]}
    for title, legend in named.items():  # one entry a run that has a line there, each its own look
        assert {text.get_text() for text in legend.get_texts()} <= {"trainer", "log"}, title
        lines = legend.get_lines()
        looks = {(line.get_color(), line.get_marker(), line.get_linestyle()) for line in lines}
        assert len(looks) == len({line.get_color() for line in lines}) == len(lines)
        assert len({line.get_marker() for line in lines}) == len(lines)


@pytest.mark.parametrize(
    "text, message",
    [
        (None, "a.jsonl: No such file or directory"),
        ("", "a.jsonl: no lines yet"),
        ('{"step": 1}\n{"st', 'a.jsonl:2: received no JSON: {"st'),
        ('{"step": 1}\n[2]\n', "a.jsonl:2: received [2], allowed an object with a step"),
    ],
)
def test_errors_in_one_line(tmp_path, capsys, text, message):
    if text is not None:
        (tmp_path / "a.jsonl").write_text(text)
    assert plot.main([str(tmp_path / "a.jsonl"), "-o", str(tmp_path / "out.png")]) == 1
    assert capsys.readouterr().err == f"steepest.plot: {tmp_path}/{message}\n"


def test_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "steepest.plot", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr == f"steepest.plot: {tmp_path}/metrics.jsonl: No such file or directory\n"
