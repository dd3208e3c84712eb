# SPDX-License-Identifier: Apache-2.0
"""PyTorch's own optimizer tests (test/test_optim.py) over every class of the package.

    python tests/torch_suite/run.py path/to/test_optim.py [CLASS ..]

Registers each class as torch.testing's OptimizerInfo, as torch registers its own Muon: no foreach,
fused or differentiable implementation, no complex parameters. Prints one line a class, beside
torch.optim.Muon. Exit status 1 where a class of the package
fails a test.
"""

from __future__ import annotations

import argparse
import importlib.util
import io
import os
import sys
import unittest
import warnings
from functools import partial
from pathlib import Path

import torch
from torch.testing._internal import common_optimizers
from torch.testing._internal.common_optimizers import (
    ErrorOptimizerInput,
    OptimizerInfo,
    OptimizerInput,
    get_error_inputs_for_all_optims,
)

import steepest
from steepest.catalog import CLASSES


def inputs(device, dtype=None, *, lr: float, momentum: bool):
    options = [
        ({}, "default"),
        ({"lr": lr}, "other lr"),
        ({"lr": torch.tensor(lr)}, "Tensor lr"),
        ({"lr": lr, "weight_decay": 0.1}, "weight_decay"),
        ({"lr": lr, "weight_decay": 0.1, "maximize": True}, "maximize"),
    ]
    if momentum:
        options.append(({"lr": lr, "momentum": 0.8}, "momentum"))
    return [
        OptimizerInput(params=None, kwargs={"lr": lr, "weight_decay": 0.0} | k, desc=d)
        for k, d in options
    ]


def error_inputs(device, dtype):
    errors = get_error_inputs_for_all_optims(device, dtype)
    if torch.device(device).type == "cpu":
        errors.append(
            ErrorOptimizerInput(
                OptimizerInput(params=None, kwargs={"lr": -0.5}, desc="negative lr"),
                error_type=ValueError,
                error_regex="lr: received -0.5",
            )
        )
    return errors


# Learning rates at which a test problem of ten parameters converges in the suite's few steps.
RATES = dict.fromkeys(("PolarGrad", "Neon", "FStar", "KRank", "MuonMax", "ScionLions"), 1e-3)


def with_one_rate(cls: type) -> type:
    """The class, with ``lr`` for all parameters, as the suite's optimizers have it.

    By default that is torch's 1e-3: a row's own is for networks.
    """

    class OneRate(cls):
        def __init__(self, params, **options):
            options.setdefault("lr", 1e-3)
            if isinstance(options["lr"], float):
                options["backup_lr"] = options["lr"]
            super().__init__(params, **options)

    OneRate.__name__ = OneRate.__qualname__ = cls.__name__
    return OneRate


def info_of(cls: type) -> OptimizerInfo:
    rate = RATES.get(cls.__name__, 1e-2)
    return OptimizerInfo(
        with_one_rate(cls),
        optim_inputs_func=partial(
            inputs, lr=rate, momentum=cls.__name__ not in ("Adam", "AdamW", "SGD", "Lion")
        ),
        optim_error_inputs_func=error_inputs,
        supported_impls=(),
        not_og_supported_flags=(),
        supports_complex=False,
    )


def run(info: OptimizerInfo, source: Path) -> tuple[dict[str, int], str]:
    """The counts, and the tracebacks of what failed."""
    common_optimizers.optim_db[:] = [info]
    sys.path.insert(0, str(source.parent))  # it imports its neighbours
    spec = importlib.util.spec_from_file_location("test_optim", source)
    module = importlib.util.module_from_spec(spec)
    sys.modules["test_optim"] = module  # the device-type tests are put into it
    spec.loader.exec_module(module)
    cases = unittest.TestSuite(
        unittest.defaultTestLoader.loadTestsFromTestCase(value)
        for name, value in vars(module).items()
        if name.startswith("TestOptimRenewed") and isinstance(value, type)
    )
    log = io.StringIO()
    result = unittest.TextTestRunner(stream=log, verbosity=0).run(cases)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    counts = {
        "passed": result.testsRun - failed - skipped,
        "failed": failed,
        "skipped": skipped,
    }
    text = "\n".join(f"{test}\n{trace}" for test, trace in result.failures + result.errors)
    return counts, text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("test_optim", type=Path, help="test/test_optim.py of PyTorch's source")
    parser.add_argument("classes", nargs="*", help="default: all")
    parser.add_argument("--verbose", action="store_true", help="print tracebacks")
    args = parser.parse_args()
    os.environ.setdefault("PYTORCH_TESTING_DEVICE_ONLY_FOR", "cpu")
    warnings.simplefilter("ignore")
    theirs = [i for i in common_optimizers.optim_db if i.optim_cls is torch.optim.Muon]
    ours = {cls.__name__: cls for cls in CLASSES.values()}
    ours["SteepestDescent"] = steepest.SteepestDescent
    wanted = args.classes or list(ours)
    bad = 0
    for label, info, own in [("torch.optim.Muon", i, False) for i in theirs] + [
        (name, info_of(ours[name]), True) for name in wanted
    ]:
        counts, text = run(info, args.test_optim)
        note = "" if own else "   (it refuses the suite's vectors)"
        print(
            f"{label:20}",
            *(f"{count:4} {word}" for word, count in counts.items()),
            note,
            flush=True,
        )
        if text and args.verbose:
            print(text)
        bad += own and counts["failed"]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
