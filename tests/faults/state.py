# SPDX-License-Identifier: Apache-2.0
"""The state of a live optimizer: loaded, copied, pickled, forked."""

import copy
import io
import os
import pickle
import subprocess
import sys
import warnings

import torch
from kit import ROOT, case
from networks import make_net, same, train, weights

import steepest

CLASSES = steepest.catalog.CLASSES


def trained(name, **options):
    net = make_net()
    optimizer = steepest.make(name, net.named_parameters(), **options)
    train(net, optimizer, range(3))
    return net, optimizer


def frozen(value):
    """A copy that can be compared: what an optimizer holds, to the bit."""
    if torch.is_tensor(value):
        return value.dtype, tuple(value.shape), value.detach().double().tolist()
    if isinstance(value, dict):
        return {k: frozen(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [frozen(v) for v in value]
    return repr(value)


def refused_whole(t, what, net, optimizer, load):
    """`load` raises one line and leaves state, groups and weights as they were."""
    before = frozen(optimizer.state_dict()), weights(net)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            load(optimizer)
    except Exception as error:
        kind = type(error).__name__
        plain = isinstance(error, (ValueError, RuntimeError)) and not isinstance(error, KeyError)
        t.check(plain, f"{what}: {kind}: {str(error)[:80]}")
        lines = len(str(error).strip().splitlines())
        t.check(lines == 1, f"{what}: {kind} of {lines} lines")
        whole = frozen(optimizer.state_dict()) == before[0] and same(weights(net), before[1])
        t.check(whole, f"{what}: refused, but changed")
        return
    t.check(False, f"{what}: taken")


@case("25", "state_dict: wrong sizes, missing and extra keys, shapes, dtypes, classes")
def state_dicts(t):
    """Refused before anything changes; another dtype is reconciled; older forms are taken."""
    for name in CLASSES:
        _, source = trained(name)
        good = source.state_dict()

        def broken(change, good=good):
            wrong = copy.deepcopy(good)
            change(wrong)
            return lambda it: it.load_state_dict(wrong)

        def entry(state):
            return next(e for e in state["state"].values() if tensors_of(e))

        def tensors_of(e):
            return [k for k, v in e.items() if torch.is_tensor(v) and v.dim() > 0]

        changes = {
            "a group less": lambda s: s["param_groups"].clear(),
            "a parameter less": lambda s: s["param_groups"][0]["params"].pop(),
            "no param_groups": lambda s: s.pop("param_groups"),
            "no state": lambda s: s.pop("state"),
        }
        if any(tensors_of(e) for e in good["state"].values()):
            changes |= {
                "another shape": lambda s: entry(s).update(
                    {k: torch.zeros(3, 5) for k in tensors_of(entry(s))[:1]}
                ),
                "text as a buffer": lambda s: entry(s).update({tensors_of(entry(s))[0]: "x"}),
                "complex": lambda s: entry(s).update(
                    {k: entry(s)[k] * 1j for k in tensors_of(entry(s))[:1]}
                ),
            }
        for what, change in changes.items():
            net, optimizer = trained(name)
            refused_whole(t, f"{name}: {what}", net, optimizer, broken(change))
        net, optimizer = trained(name)
        wide = copy.deepcopy(good)
        for e in wide["state"].values():
            e |= {
                k: v.double() for k, v in e.items() if torch.is_tensor(v) and v.is_floating_point()
            }
        optimizer.load_state_dict(wide)
        train(net, optimizer, range(3, 5))
        finite = all(bool(torch.isfinite(w).all()) for w in weights(net))
        t.check(finite, f"{name}: state in float64")
    other_classes(t)
    return t.result(f"{len(CLASSES)} classes")


def other_classes(t):
    """Another recipe's state with the same keys is not taken for one's own."""
    pairs = (("muon", "muonmax"), ("muonmax", "muon"), ("polargrad", "muon"), ("muon", "scion"))
    for a, b in pairs:
        _, source = trained(a)
        wrong = source.state_dict()
        net, optimizer = trained(b)
        load = lambda o, wrong=wrong: o.load_state_dict(copy.deepcopy(wrong))  # noqa: E731
        refused_whole(t, f"state of {a} into {b}", net, optimizer, load)


@case("26", "deepcopy, pickle, fork; imported twice; exit with live optimizers")
def copies(t):
    """Independent copies that go on with the same bits; no crash at exit."""
    for name in (*CLASSES, "muonmax-momo", "neon-momo"):
        net, optimizer = trained(name)
        twin_net, twin = copy.deepcopy((net, optimizer))
        stored = pickle.loads(pickle.dumps((net, optimizer)))
        buffer = io.BytesIO()
        torch.save({"o": optimizer.state_dict(), "n": net.state_dict()}, buffer)
        buffer.seek(0)
        read = torch.load(buffer, weights_only=True)
        fresh = make_net()
        fresh.load_state_dict(read["n"])
        other = steepest.make(name, fresh.named_parameters())
        other.load_state_dict(read["o"])
        snapshot = frozen(optimizer.state_dict())
        for model, it in ((twin_net, twin), stored, (fresh, other)):
            train(model, it, range(3, 6))
        t.check(frozen(optimizer.state_dict()) == snapshot, f"{name}: a copy shares state")
        train(net, optimizer, range(3, 6))
        for what, model in (("deepcopy", twin_net), ("pickle", stored[0]), ("torch.save", fresh)):
            t.check(same(weights(model), weights(net)), f"{name}: {what} goes on elsewhere")
        held = optimizer.state_dict()
        before = frozen(held["param_groups"])
        train(net, optimizer, range(6, 8))
        t.check(frozen(held["param_groups"]) == before, f"{name}: a state_dict moves by itself")
    forked(t)
    exits(t)
    return t.result(f"{len(CLASSES) + 2} optimizers, 4 ways to copy; fork, 4 exits")


def forked(t):
    net, optimizer = trained("muonmax-momo")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(net, optimizer, range(3, 6))
            code = 0 if all(bool(torch.isfinite(w).all()) for w in weights(net)) else 2
        finally:
            os._exit(code)
    before = weights(net)
    _, status = os.waitpid(child, 0)
    t.check(status == 0, f"fork: the child ended with {status}")
    t.check(same(before, weights(net)), "fork: the child's steps are seen here")


EXITS = {
    "a live optimizer": "keep = optimizer",
    "in a cycle": "keep = [optimizer]; keep.append(keep)",
    "sys.exit within a step hook": (
        "import sys; optimizer.register_step_post_hook(lambda *_: sys.exit(0)); optimizer.step()"
    ),
    "imported twice": (
        "import sys, importlib\n"
        "for m in [m for m in sys.modules if m.split('.')[0] == 'steepest']: del sys.modules[m]\n"
        "import steepest as again; again.Muon(net.parameters()).step(); optimizer.step()"
    ),
}


def exits(t):
    head = (
        "import torch, steepest; net = torch.nn.Linear(4, 4)\n"
        "optimizer = steepest.MuonMax(net.parameters())\n"
        "for p in net.parameters(): p.grad = torch.ones_like(p)\n"
        "optimizer.step()\n"
    )
    for what, code in EXITS.items():
        done = subprocess.run(
            [sys.executable, "-c", head + code],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT / "python")},
            check=False,
        )
        last = done.stderr.strip().splitlines()[-1:]
        t.check(done.returncode == 0 and not done.stderr, f"exit, {what}: {done.returncode} {last}")
