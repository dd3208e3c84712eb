# SPDX-License-Identifier: Apache-2.0
"""data.hellaswag: the share of questions whose right completion has the least mean loss, beside a
plain GPT-2 in float64."""

import json
import random
import struct

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, gelu, layer_norm

from trainer import losses, steepest

VOCAB, CONTEXT, WIDTH, LAYERS, HEADS = 40, 24, 32, 2, 2

CONFIG = f"""
[run]
steps = 12
threads = 1
eval_every = 6
[model]
vocab = {VOCAB}
context = {CONTEXT}
layers = {LAYERS}
width = {WIDTH}
heads = {HEADS}
positions = "learned"
normalization = "layer"
activation = "gelu"
qk_norm = false
tied = true
fused_qkv = true
biases = true
[batch]
rows = 6
[data]
kind = "tokens"
"""


def made_questions(count):
    """Questions of four completions of different lengths; the right one counts on from the context
    more often than not."""
    words, made = random.Random(1), []
    for _ in range(count):
        context = [words.randrange(VOCAB) for _ in range(words.randrange(1, 12))]
        completions = [
            [words.randrange(VOCAB) for _ in range(words.randrange(1, 12))] for _ in range(4)
        ]
        label = words.randrange(4)
        if words.random() < 0.7:
            completions[label] = [(context[-1] + i) % VOCAB for i in range(1, 6)]
        made.append((label, context, completions))
    return made


def write_questions(path, questions):
    """As llm.c writes HellaSwag."""
    content = struct.pack("<256i", 20240522, 1, len(questions), 999, *[0] * 252)
    for number, (label, context, completions) in enumerate(questions):
        words = [65535, 0, number, label, len(completions), len(context), *context]
        for completion in completions:
            words += [len(completion), *completion]
        words[1] = 2 * len(words)
        content += struct.pack(f"<{len(words)}H", *words)
    path.write_bytes(content)


def write_tokens(path, count, seed):
    """Tokens that count upwards, with a jump now and then."""
    words, tokens = random.Random(seed), [0]
    while len(tokens) < count:
        tokens.append((tokens[-1] + 1) % VOCAB if words.random() < 0.9 else words.randrange(VOCAB))
    header = struct.pack("<256i", 20240520, 1, count, *[0] * 253)
    path.write_bytes(header + struct.pack(f"<{count}H", *tokens))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hellaswag")
    write_tokens(folder / "train.bin", 4000, 2)
    write_tokens(folder / "val.bin", 600, 3)
    write_questions(folder / "questions.bin", made_questions(20))
    (folder / "run.toml").write_text(
        CONFIG + f'path = "{folder}/train.bin"\nvalidation_path = "{folder}/val.bin"\n'
    )
    done = train(folder, "whole", f"data.hellaswag={folder}/questions.bin")
    assert done.returncode == 0, done.stderr
    return folder, done


def train(folder, name, *sets):
    words = [w for s in [f"run.out={folder / name}", *sets] for w in ("--set", s)]
    return steepest("train", folder / "run.toml", *words)


def plain_logits(weights, tokens):
    """GPT-2 as it was published, on the checkpoint's weights."""

    def linear(name, x):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def norm(name, x):
        return layer_norm(x, (WIDTH,), weights[name + ".weight"], weights[name + ".bias"])

    n = len(tokens)
    x = weights["token_embedding.weight"][tokens] + weights["position_embedding.weight"][:n]
    later = torch.ones(n, n).triu(1).bool()
    for i in range(LAYERS):
        block = f"blocks.{i}."
        parts = linear(block + "attention.qkv", norm(block + "attention_norm", x)).chunk(3, 1)
        q, k, v = (part.view(n, HEADS, -1).transpose(0, 1) for part in parts)
        scores = q @ k.transpose(1, 2) / (WIDTH // HEADS) ** 0.5
        mixed = scores.masked_fill(later, -torch.inf).softmax(2) @ v
        x = x + linear(block + "attention.output", mixed.transpose(0, 1).flatten(1))
        hidden = linear(block + "mlp.up", norm(block + "mlp_norm", x))
        x = x + linear(block + "mlp.down", gelu(hidden, approximate="tanh"))
    return norm("final_norm", x) @ weights["token_embedding.weight"].T


def answers(run, questions):
    """Which completions the plain model takes, and the least margin between two of a question."""
    newest = max(run.glob("ckpt-*"), key=lambda path: int(path.name.split("-")[1]))
    weights = {k: v.double() for k, v in load_file(newest / "model.safetensors").items()}
    taken, margin = [], torch.inf
    for _, context, completions in questions:
        means = []
        for completion in completions:
            tokens = torch.tensor(context + completion)
            logits = plain_logits(weights, tokens[:-1])[len(context) - 1 :]
            means.append(cross_entropy(logits, tokens[len(context) :]).item())
        first, second = sorted(means)[:2]
        margin = min(margin, second - first)
        taken.append(means.index(first))
    return taken, margin


def test_the_score_is_that_of_a_plain_model(folder):
    folder, done = folder
    questions = made_questions(20)
    taken, margin = answers(folder / "whole", questions)
    assert margin > 1e-5 and len(set(taken)) == 4
    right = sum(label == answer for (label, _, _), answer in zip(questions, taken)) / 20
    assert 0.3 < right < 1
    told = [row["hellaswag"] for row in losses(folder / "whole") if "val_loss" in row]
    assert len(told) == 2 and told[-1] == right
    assert json.loads(done.stdout)["hellaswag"] == right
    assert f"HellaSwag {100 * right:.1f}%" in done.stderr
    assert json.loads(steepest("eval", folder / "whole").stdout)["hellaswag"] == right


def test_it_is_the_same_in_batches_of_any_size(folder):
    folder, _ = folder
    expected = json.loads(steepest("eval", folder / "whole").stdout)["hellaswag"]
    assert train(folder, "plain").returncode == 0
    rows = losses(folder / "plain")
    assert not any("hellaswag" in row for row in rows)
    others = [{k: v for k, v in r.items() if k != "hellaswag"} for r in losses(folder / "whole")]
    assert rows == others  # and changes no bit of a run
    for sets in ([], ["batch.rows=1"], ["batch.rows=60"]):
        words = [w for s in [f"data.hellaswag={folder}/questions.bin", *sets] for w in ("--set", s)]
        found = steepest("eval", folder / "plain", *words)
        assert json.loads(found.stdout)["hellaswag"] == expected, found.stderr


def test_a_run_goes_on_with_the_same_questions(folder):
    folder, _ = folder
    copy = folder / "copy.bin"
    copy.write_bytes((folder / "questions.bin").read_bytes())
    assert train(folder, "half", "run.steps=6", f"data.hellaswag={copy}").returncode == 0
    write_questions(copy, made_questions(19))
    done = steepest("train", "--resume", folder / "half", "--set", "run.steps=12")
    assert done.returncode == 3 and "copy.bin: received" in done.stderr
    copy.write_bytes((folder / "questions.bin").read_bytes())
    done = steepest("train", "--resume", folder / "half", "--set", "run.steps=12")
    assert done.returncode == 0, done.stderr
    assert losses(folder / "half") == losses(folder / "whole")


def test_what_cannot_be_scored_is_one_line(folder):
    folder, _ = folder
    cases = {
        f"data.hellaswag={folder}/train.bin": (3, "wrong magic number, received 20240520"),
        "data.hellaswag=": (2, "data.hellaswag: received nothing, allowed a file"),
        f"data.hellaswag={folder}/none.bin": (3, "none.bin: cannot be opened"),
    }
    for text, (code, message) in cases.items():
        done = train(folder, "bad", text)
        assert done.returncode == code and message in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1 and not (folder / "bad").exists()
    small = train(
        folder, "bad", f"data.hellaswag={folder}/questions.bin", "model.context=12", "batch.rows=4"
    )
    assert small.returncode == 3 and "allowed at most model.context = 12" in small.stderr
