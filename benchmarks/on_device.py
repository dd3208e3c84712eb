# SPDX-License-Identifier: Apache-2.0
"""What a machine with a GPU is asked, in one go: is it right, and how fast is it?

    scripts/device_check.sh                                  # builds, then runs this
    python benchmarks/on_device.py [--device cuda] [--minutes 8] [--out results.json] [STAGE ..]

Stages, each in what is left of the minutes: polar (every kernel against float64), rows (every
optimizer against the CPU), sanitizer (compute-sanitizer over small polar factors and steps), speed
(steps beside torch.optim.Muon, eager and compiled, turn by turn). Our kernels for CUDA are on; the
speed stage has them off as well. --device standin rehearses all of it without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

HERE = Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "tests" / "python"))
sys.path.insert(0, str(HERE.parent))

Result = dict[str, Any]


def device_of(name: str) -> torch.device:
    if name != "standin":
        return torch.device(name)
    import standin

    return standin.load()


def polar_error(x: Tensor, method: str, device: torch.device) -> float:
    """The largest singular value of the difference from the same iteration in float64."""
    import steepest

    exact = steepest.polar(x.double(), method=method.removeprefix("fast_"), dtype="float64")
    got = steepest.polar(x.to(device), method=method).cpu().double()
    return torch.linalg.matrix_norm(got - exact, 2).max().item()


def polar(device: torch.device, small: bool) -> Iterator[Result]:
    """Widths of one block and beyond, wide and tall, and both sides of each edge."""
    edges = [1, 31, 32, 33, 64, 65, 96, 97, 128, 129, 192, 193, 256, 264]
    for width in edges[:8] if small else [*edges, 512, 768]:
        for shape in ((3, width, width), (2, width, 2 * width + 8), (2, 3 * width, width)):
            x = torch.randn(shape, generator=torch.Generator().manual_seed(width))
            # In float16's factors the error is .002 to .03; in bfloat16 throughout up to .2.
            error = polar_error(x, "fast_jordan", device)
            limit = 0.04 if width <= 192 else 0.25
            yield {"what": f"polar {shape}", "error": error, "ok": error < limit}


def rows(device: torch.device, small: bool) -> Iterator[Result]:
    """Every optimizer ends where it ends on the CPU: exactly in float64, which our kernels leave to
    ATen, and as near as 16-bit factors come in float32."""
    import classes
    from networks import furthest

    def train(
        name: str, options: Result, dtype: torch.dtype, where: str | torch.device
    ) -> list[Tensor]:
        generator = torch.Generator().manual_seed(3)
        shapes = ((8, 12), (8, 12), (12, 8), (6, 6), (12,), (4, 3, 3, 3))
        values = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
        params = [torch.nn.Parameter(v.to(where, dtype)) for v in values]
        optimizer = classes.make(name, params, **options)
        for t in range(4):
            classes.step(optimizer, t)
        return [p.detach().cpu().double() for p in params]

    for name, options in classes.KINDS[:: 8 if small else 1]:
        for dtype, limit in ((torch.float64, 1e-8), (torch.float32, 0.02)):
            distance = furthest(*(train(name, options, dtype, where) for where in (device, "cpu")))
            what = f"{name} {options or ''} {dtype}"
            yield {"what": what, "error": distance, "ok": distance < limit}


def sanitizer(device: torch.device, small: bool) -> Iterator[Result]:
    """memcheck and racecheck over what launches every kernel once."""
    tool = shutil.which("compute-sanitizer") or shutil.which(
        "compute-sanitizer", path="/usr/local/cuda/bin"
    )
    if tool is None or device.type != "cuda":
        yield {"what": "compute-sanitizer", "skipped": "not here" if tool is None else "no GPU"}
        return
    for check in ("memcheck", "racecheck"):
        command = [
            tool,
            "--tool",
            check,
            "--error-exitcode",
            "9",
            sys.executable,
            str(HERE),
            "--once",
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            yield {"what": check, "ok": done.returncode == 0, "said": done.stdout[-600:]}
        except subprocess.TimeoutExpired:
            yield {"what": check, "skipped": "not through in two minutes"}


def every_kernel_once(device: torch.device) -> None:
    import steepest

    for width in (20, 50, 90, 128, 192, 264):
        for columns in (width, 2 * width + 5 if width < 192 else 2 * width):
            steepest.polar(torch.randn(2, width, columns, device=device), method="fast_jordan")
    p = torch.nn.Parameter(torch.randn(70, 33, device=device))
    p.grad = torch.randn_like(p)
    steepest.Muon([p], lr=0.1, weight_decay=0.1).step()
    torch.cuda.synchronize()


PROBLEMS = {
    "GPT-2 small": [*[(768, 768)] * 4, (3072, 768), (768, 3072)] * 12,
    "width 128": [*[(128, 128)] * 4, (512, 128), (128, 512)] * 12,
    "width 64": [*[(64, 64)] * 4, (256, 64), (64, 256)] * 12,
    "4096 x 4096": [(4096, 4096)] * 2,
    "8192 x 8192": [(8192, 8192)],
    "2048 x 8192": [(2048, 8192)] * 2,
}


def shapes_of(problem: str, small: bool) -> list[tuple[int, int]]:
    return (
        [(a // 64 + 1, b // 64 + 1) for a, b in PROBLEMS[problem]] if small else PROBLEMS[problem]
    )


def contender(name: str, shapes: list[tuple[int, int]], device: torch.device) -> Any:
    """A function that makes one step."""
    import steepest

    generator = torch.Generator().manual_seed(0)
    params = [
        torch.nn.Parameter((0.02 * torch.randn(s, generator=generator)).to(device)) for s in shapes
    ]
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator).to(device)
    kind = torch.optim.Muon if name.startswith("torch") else steepest.Muon
    step = kind(params, lr=1e-3, weight_decay=0.1).step
    return torch.compile(step) if name.endswith("compiled") else step


def serve(name: str, device: torch.device, small: bool) -> None:
    """A process for one contender: it reads a problem and a number of steps, and answers seconds a
    step. Processes, as STEEPEST_CUDA is read once in each."""
    import gc

    problem, step = "", None
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["problem"] != problem:
            step = None
            gc.collect()
            problem, step = (
                asked["problem"],
                contender(name, shapes_of(asked["problem"], small), device),
            )
            for _ in range(3):
                step()
        synchronize(device)
        start = time.perf_counter()
        for _ in range(asked["steps"]):
            step()
        synchronize(device)
        print(json.dumps((time.perf_counter() - start) / asked["steps"]), flush=True)


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def speed(device: torch.device, small: bool) -> Iterator[Result]:
    """Milliseconds a step, the medians of rounds in which all take turns."""
    names = {"steepest, kernels": "kernels", "steepest, ATen": "aten", "torch": "aten"}
    if not small:
        names["torch, compiled"] = "aten"
    servers = {}
    for name, choice in names.items():
        command = [sys.executable, str(HERE), "--serve", name, "--device", str(device.type)]
        command += ["--small"] * small
        servers[name] = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "STEEPEST_CUDA": choice},
        )

    def ask(name: str, problem: str, steps: int) -> float:
        server = servers[name]
        server.stdin.write(json.dumps({"problem": problem, "steps": steps}) + "\n")
        server.stdin.flush()
        return json.loads(server.stdout.readline())

    try:
        for problem in PROBLEMS:
            times: dict[str, list[float]] = {name: [] for name in servers}
            for turn in range(2 if small else 8):
                for name in servers:
                    seconds = ask(name, problem, 1 if small or turn == 0 else 5)
                    if turn > 0:  # the first one compiles and allocates
                        times[name].append(1e3 * seconds)
            medians = {name: sorted(t)[len(t) // 2] for name, t in times.items()}
            yield {"what": problem, "milliseconds": medians, "all": times}
    finally:
        for server in servers.values():
            server.stdin.close()
            server.wait(timeout=60)


STAGES = {"polar": polar, "rows": rows, "sanitizer": sanitizer, "speed": speed}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stages", nargs="*", default=list(STAGES), metavar="STAGE")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=8, help="after which no stage goes on")
    parser.add_argument("--out", type=Path, help="a JSON file of all results")
    parser.add_argument("--small", action="store_true", help="a rehearsal, in seconds")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.serve:
        serve(o.serve, device_of(o.device), o.small)
        return 0
    os.environ["STEEPEST_CUDA"] = "kernels"
    warnings.filterwarnings("error", message=".*no CUDA kernels of its own")  # ATen is no success
    device = device_of(o.device)
    if o.once:
        every_kernel_once(device)
        return 0
    end = time.monotonic() + 60 * o.minutes
    results: dict[str, list[Result]] = {}
    for stage in o.stages:
        results[stage] = []
        for result in STAGES[stage](device, o.small):
            results[stage].append(result)
            print(stage, json.dumps({k: v for k, v in result.items() if k != "all"}), flush=True)
            if o.out:
                o.out.write_text(json.dumps(results, indent=1))
            if time.monotonic() > end:
                print("out of time")
                break
    failed = [r["what"] for of_stage in results.values() for r in of_stage if r.get("ok") is False]
    print(f"failed: {failed}" if failed else "all right")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
