# SPDX-License-Identifier: Apache-2.0
"""Repeats, threads and several processes."""

import os
import signal
import subprocess
import sys
import time

import torch
from kit import HERE, ROOT, case, reference
from safetensors.torch import load

import steepest


def training(threads, steps=8):
    """Weights after some steps of Python's face with so many threads."""
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    net = torch.nn.Sequential(*(torch.nn.Linear(256, 256) for _ in range(4)))
    optimizer = steepest.MuonMax(net.named_parameters(), lr=1e-3)
    x = torch.randn(64, 256)
    for _ in range(steps):
        optimizer.zero_grad()
        net(x).square().mean().backward()
        optimizer.step()
    torch.set_num_threads(1)
    return [p.detach().clone() for p in net.parameters()]


def furthest(a, b):
    return max(float((x - y).abs().max() / y.abs().max()) for x, y in zip(a, b))


@case("27", "The same run twice; with 1, 2 and 4 threads")
def repeats(t):
    """Twice: bit-equal at a fixed number of threads, trainer and Python; over numbers of threads at
    most 1e-4 apart (measured, not promised to the bit)."""
    found = {}
    for threads in (1, 2, 4):
        one, two = (
            reference(t, f"run.threads={threads}", "run.steps=20", name=f"{threads}-{i}")
            for i in range(2)
        )
        t.check(one.losses == two.losses and one.weights == two.weights, f"{threads} threads")
        found[threads] = [x for _, x in sorted(load(one.weights).items())]
        first, second = training(threads), training(threads)
        t.check(all(map(torch.equal, first, second)), f"Python, {threads} threads: not repeated")
        found[-threads] = first
    worst = max(furthest(found[sign * n], found[sign]) for sign in (1, -1) for n in (2, 4))
    t.check(worst < 1e-4, f"over threads {worst:.2g} apart")
    return t.result(f"6 pairs bit-equal; over threads at most {worst:.1g} apart")


def launch(ranks, folder, *, kill_at="", steps=30):
    """The ranks of ddp.py as processes; (exit codes, seconds)."""
    store = folder / f"store-{time.monotonic_ns()}"
    begin = time.monotonic()
    env = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'python'}:{ROOT / 'tests' / 'python'}",
        "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, str(HERE / "ddp.py"), str(folder), str(store), str(ranks)]
    children = [
        subprocess.Popen(
            [*command, str(rank), str(steps), kill_at],
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for rank in range(ranks)
    ]
    codes = []
    for process in children:
        try:
            process.communicate(timeout=max(1, begin + 90 - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        codes.append(process.returncode)
    return codes, time.monotonic() - begin


@case("28", "Two Gloo ranks, one killed; restarted with 1 and 4", heavy=True)
def ranks(t):
    """The survivor exits within the timeout (20 s), no hang; restarted from the last checkpoint
    with 1 or 4 ranks the losses stay within 1e-3 of the run with one rank."""
    whole = t.sub("whole")
    codes, _ = launch(1, whole)
    t.check(codes == [0], f"one rank: {codes}")
    want = losses(whole)
    for again in (1, 4) if t.long else (1,):
        folder = t.sub(f"killed{again}")
        codes, seconds = launch(2, folder, kill_at="17")
        t.check(codes[1] == -signal.SIGKILL, f"the second rank ended with {codes[1]}")
        t.check(codes[0] not in (0, -signal.SIGKILL), f"the survivor ended with {codes[0]}")
        t.check(seconds < 60, f"the survivor took {seconds:.0f} s")
        codes, _ = launch(again, folder)
        t.check(codes == [0] * again, f"restarted with {again}: {codes}")
        got = losses(folder)
        far = max((abs(got[s] - want[s]) / want[s] for s in want if s in got), default=1)
        t.check(got.keys() == want.keys() and far < 1e-3, f"{again} ranks: {far:.2g} apart")
        t.note(f"2 ranks, killed, {again}: survivor out after {seconds:.0f} s, {far:.1g} apart")
    return t.result("Python's DDP (the trainer is one process)")


def losses(folder):
    """The last loss logged for each step."""
    rows = (line.split() for line in (folder / "losses").read_text().splitlines())
    return {int(step): float(loss) for step, loss in rows}
