# SPDX-License-Identifier: Apache-2.0
"""What optimizers send in one step on sharded and replicated weights: a table.

    python benchmarks/traffic.py [--processes 2 4] [--only NAME ..] [--dion TREE] [--json FILE]

The processes of this machine talk by Gloo in a network of their own (`unshare -rn`), so that the
bytes of its loopback device are theirs alone: whoever sends, by whatever call, is counted, headers
too. Collectives are torch's `c10d::` operators in a profile, those of C++ included. Both counters
are tried on collectives of known size first. --dion: a checkout of github.com/microsoft/dion.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.tensor
from torch import Tensor, nn

import steepest

# The matrices of two layers, rows x columns. Rows of the first model divide by four; of the second,
# whose feed-forward has 8/3 of the width, they do not, and the router has less rows than that.
MODELS = {
    "GPT": [(384, 128), (128, 128), (512, 128), (128, 512)] * 2,
    "uneven": [(384, 128), (128, 128), (341, 128), (341, 128), (128, 341), (3, 128)] * 2,
}
STEPS = 10


def full_tensor_muon(params: list[nn.Parameter]) -> Callable[[], None]:
    """Muon as a loop of full_tensor(): each process gathers and computes every matrix."""
    momenta = [torch.zeros_like(p) for p in params]

    def step() -> None:
        with torch.no_grad():
            for p, m in zip(params, momenta):
                m.lerp_(p.grad, 0.05)
                u = p.grad.lerp(m, 0.95)
                if not hasattr(p, "device_mesh"):
                    p.sub_(steepest.functional.polar(u), alpha=0.02)
                    continue
                s = steepest.functional.polar(u.full_tensor())
                part = torch.distributed.tensor.distribute_tensor(
                    s, p.device_mesh, p.placements, src_data_rank=None
                )
                p.sub_(part, alpha=0.02)

    return step


def _dion(params: list[nn.Parameter]) -> Callable[[], None]:
    from dion import Muon

    mesh = getattr(params[0], "device_mesh", None)
    return Muon(params, mesh or (dist.group.WORLD if dist.is_initialized() else None)).step


def _ours(**options: Any) -> Callable[[list[nn.Parameter]], Callable[[], None]]:
    def make(params: list[nn.Parameter]) -> Callable[[], None]:
        replicas = dist.is_initialized() and not hasattr(params[0], "device_mesh")
        group = {"process_group": dist.group.WORLD} if replicas else {}
        return steepest.Muon(params, lr=0.02, **options, **group).step

    return make


# Of each contender: the bytes of a number that it sends, and its step.
CONTENDERS: dict[str, tuple[int, Callable[[list[nn.Parameter]], Callable[[], None]]]] = {
    "steepest.Muon": (4, _ours()),
    "steepest.Muon, wire bfloat16": (2, _ours(wire="bfloat16")),
    "torch.optim.Muon": (2, lambda params: torch.optim.Muon(params, lr=0.02).step),
    "full_tensor() loop": (4, full_tensor_muon),
    "dion.Muon": (2, _dion),
}
LAYOUTS = {"FSDP2": set(), "DDP": {"full_tensor() loop"}}  # without what gathers nothing there


def least(shapes: list[tuple[int, int]], layout: str, processes: int, number: int) -> float:
    """The bytes that an average process must send where each matrix is computed by one of them.

    Of shards the owner gets the (P - 1) / P that it lacks, and gives as much back; replicas have
    equal gradients already, and are given the direction.
    """
    numbers = sum(rows * cols for rows, cols in shapes) * number
    ways = 2 / processes if layout == "FSDP2" else 1
    return ways * (processes - 1) / processes * numbers


def sent() -> int:
    """Bytes that the loopback device of this network has sent so far."""
    for line in Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split()[9])
    raise RuntimeError("/proc/net/dev: received no device lo")


def bytes_of(call: Callable[[], object], times: int = STEPS) -> float:
    """What an average process sends in a call: the mean of some, without what waiting sends."""

    def window(work: Callable[[], object], count: int) -> int:
        dist.barrier()
        before = sent()
        dist.barrier()
        for _ in range(count):
            work()
        dist.barrier()
        after = sent()
        dist.barrier()
        return after - before

    total = float(window(call, times) - window(call, 0))
    mean = torch.tensor(total / (times * dist.get_world_size()))
    dist.broadcast(mean, 0)
    return float(mean)


def collectives_of(call: Callable[[], object]) -> int:
    """The collectives that this process takes part in."""
    with torch.autograd.profiler.profile(use_kineto=False) as profile:
        call()
    return sum(event.name.startswith("c10d::") for event in profile.function_events)


def check() -> list[str]:
    """Counts collectives of known size; raises RuntimeError where a counter is off by 2 %."""
    processes, numbers = dist.get_world_size(), 1 << 20
    x, part = torch.ones(numbers), torch.ones(numbers // processes)
    known = {
        "all_to_all_single": (lambda: dist.all_to_all_single(torch.empty_like(x), x), numbers),
        "all_gather_into_tensor": (lambda: dist.all_gather_into_tensor(x.clone(), part), numbers),
    }
    lines = []
    for name, (call, count) in known.items():
        found, calls = bytes_of(call), collectives_of(call)
        ratio = found / (4 * count * (processes - 1) / processes)
        lines.append(f"{name} of 4 MiB on {processes}: {ratio:.4f} of its bytes, {calls} counted")
        if abs(ratio - 1) > 0.02 or calls != 1:
            raise RuntimeError(lines[-1])
    return lines


def weights_of(shapes: list[tuple[int, int]], layout: str) -> list[nn.Parameter]:
    """Weights with gradients; the layout "" is one process's."""
    torch.manual_seed(0)
    net = nn.Sequential(*[nn.Linear(cols, rows, bias=False) for rows, cols in shapes])
    grads = [torch.randn(p.shape) for p in net.parameters()]
    if layout == "FSDP2":
        from torch.distributed.fsdp import fully_shard

        fully_shard(net)
    split = torch.distributed.tensor.distribute_tensor
    for p, grad in zip(net.parameters(), grads):
        p.grad = split(grad, p.device_mesh, p.placements) if layout == "FSDP2" else grad
    return list(net.parameters())


def whole(params: list[nn.Parameter]) -> list[Tensor]:
    values = [p.detach() for p in params]
    return [(v.full_tensor() if hasattr(v, "full_tensor") else v).clone() for v in values]


def change_of(name: str, shapes: list[tuple[int, int]], layout: str) -> list[Tensor]:
    """What the first step of a contender does to the weights."""
    params = weights_of(shapes, layout)
    before, step = whole(params), CONTENDERS[name][1](params)
    step()
    return [after - x for after, x in zip(whole(params), before)]


def measure(name: str, model: str, layout: str, alone: list[Tensor]) -> dict[str, Any]:
    """A row of the table; its key "refused" says why where there is none."""
    shapes = MODELS[model]
    row = {"model": model, "layout": layout, "name": name, "number": CONTENDERS[name][0]}
    row["processes"] = dist.get_world_size()
    try:
        pairs = list(zip(change_of(name, shapes, layout), alone))
        off = max(float((x - y).abs().max() / y.abs().max()) for x, y in pairs)
        step = CONTENDERS[name][1](weights_of(shapes, layout))
        step()
        found, count = bytes_of(step), collectives_of(step)
    except Exception as error:  # a peer may raise anything
        return {**row, "refused": f"{type(error).__name__}: {str(error).splitlines()[0]}"}
    bound = least(shapes, layout, row["processes"], row["number"])
    return {**row, "bytes": found, "least": bound, "collectives": count, "off": off}


def _process(rank: int, folder: str, processes: int, names: list[str]) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    alone = {(n, m): change_of(n, MODELS[m], "") for n in names for m in MODELS}
    store = f"file://{folder}/store"
    dist.init_process_group("gloo", init_method=store, rank=rank, world_size=processes)
    checked = check()
    rows = [
        measure(name, model, layout, alone[name, model])
        for layout, without in LAYOUTS.items()
        for model in MODELS
        for name in names
        if name not in without
    ]
    if rank == 0:
        Path(folder, "rows.json").write_text(json.dumps([checked, rows]))
    dist.barrier()
    dist.destroy_process_group()


def measured(processes: int, names: list[str]) -> tuple[list[str], list[dict[str, Any]]]:
    """What the checks of the counters say, and the rows."""
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.start_processes(
            _process, (folder, processes, names), nprocs=processes, start_method="fork"
        )
        return json.loads(Path(folder, "rows.json").read_text())


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown. "off": the largest difference from one process's step, of its largest change."""
    head = "P,layout,model,optimizer,s,kB sent,of the least,collectives,off".split(",")
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        cells = [str(row[k]) for k in ("processes", "layout", "model", "name", "number")]
        if "refused" in row:
            cells += [f"refused: {row['refused']}", "", "", ""]
        else:
            cells += [f"{row['bytes'] / 1e3:.1f}", f"{row['bytes'] / row['least']:.3f}"]
            cells += [str(row["collectives"]), f"{row['off']:.0e}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def raise_loopback() -> None:
    """Starts the loopback device of a new network."""
    put, up = 0x8914, 0x49  # SIOCSIFFLAGS; IFF_UP | IFF_LOOPBACK | IFF_RUNNING
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, put, struct.pack("16sH14x", b"lo", up))


def machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), "a CPU")
    what = f"{cpu}, {os.cpu_count()} cores, Gloo on its loopback device"
    return f"{what}, torch {torch.__version__}, steepest {steepest.__version__}"


def import_as_written(module: str, folder: str) -> None:
    """Imports without torch.compile, which changes no byte of what is sent and takes minutes."""
    compiles, torch.compile = torch.compile, lambda f=None, **_: f or (lambda g: g)
    sys.path.insert(0, folder)
    __import__(module)
    torch.compile = compiles


def inside(given: argparse.Namespace) -> None:
    raise_loopback()
    names = given.only or [n for n in CONTENDERS if n != "dion.Muon" or given.dion]
    if given.dion:  # which is on no package index
        import_as_written("dion", given.dion)
    checks, parts = zip(*[measured(processes, names) for processes in given.processes])
    rows = sum(parts, [])
    print(f"{machine()}\n\nCounters: {'; '.join(sum(checks, []))}.\n")
    print(table(rows))
    if given.json:
        Path(given.json).write_text(json.dumps(rows, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, metavar="NAME")
    parser.add_argument("--dion", metavar="TREE", help="a checkout of github.com/microsoft/dion")
    parser.add_argument("--json", metavar="FILE", help="write the numbers, too")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside:
        return inside(given)
    alone = [shutil.which("unshare") or "false", "-rn"]
    if subprocess.run([*alone, "true"], check=False).returncode:
        sys.exit("unshare -rn: refused here; allowed on Linux with user namespaces, or as root")
    environment = {**os.environ, "GLOO_SOCKET_IFNAME": "lo", "KINETO_LOG_LEVEL": "99"}
    again = [*alone, sys.executable, __file__, "--inside", *sys.argv[1:]]
    sys.exit(subprocess.run(again, env=environment, check=False).returncode)


if __name__ == "__main__":
    main()
