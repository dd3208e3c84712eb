# SPDX-License-Identifier: Apache-2.0
"""The kernels for CUDA as machine code, without a GPU: registers, spills, the inner loop.

    STEEPEST_TOOLS=build/tests python benchmarks/cuda_kernels.py [sm_80 sm_90a ..]

NVRTC compiles, as at run time; cuobjdump, of Triton's wheel, of PyPI's nvidia-cuda-cuobjdump or of
a CUDA toolkit, reads what it has made. The second table is arithmetic on paper: what the tensor
cores of a processor could do, and what its shared memory lets the kernels' tiles have of that.
"""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = ("sm_80", "sm_90a", "sm_100a", "sm_120")


@dataclass
class Kernel:
    name: str
    architecture: str
    registers: int
    stack: int  # bytes a thread: what does not fit into registers, or is indexed
    spills: int  # instructions that load or store it
    mma: int  # tensor-core instructions, all of them
    loop: dict[str, int]  # of the loop with most of them: mma, ldmatrix, all instructions


class Missing(Exception):
    """A tool that these numbers need is not there."""


def cuobjdump() -> str:
    """The disassembler's path."""
    for folder in map(Path, site.getsitepackages()):
        for place in ("triton/backends/nvidia/bin", "nvidia/cu13/bin", "nvidia/cuda_cuobjdump/bin"):
            if (folder / place / "cuobjdump").exists():
                return str(folder / place / "cuobjdump")
    found = shutil.which("cuobjdump") or shutil.which("cuobjdump", path="/usr/local/cuda/bin")
    if found is None:
        raise Missing("no cuobjdump: pip install nvidia-cuda-cuobjdump nvidia-cuda-nvdisasm")
    return found


def inner_loop(code: list[tuple[int, str]]) -> dict[str, int]:
    """Of the loop with the most tensor-core instructions, or of all code where there is none.

    A loop is what lies between a branch and the earlier address to which it goes.
    """

    def counts(lines: list[str]) -> dict[str, int]:
        kinds = {"mma": r"\bHMMA\b", "ldmatrix": r"\bLDSM\b"}
        found = {kind: sum(bool(re.search(p, t)) for t in lines) for kind, p in kinds.items()}
        return found | {"all": len(lines)}

    loops = []
    for at, text in code:
        target = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", text)
        if target and int(target[1], 16) < at:
            loops.append(counts([t for a, t in code if int(target[1], 16) <= a <= at]))
    innermost = [one for one in loops if one["mma"]]
    if not innermost:
        return counts([t for _, t in code])
    return max(innermost, key=lambda one: one["mma"] / one["all"])


def read(path: Path) -> Kernel:
    """What a file of machine code with one kernel holds."""

    def dump(option: str) -> str:
        command = [cuobjdump(), option, str(path)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    usage = dump("-res-usage")
    registers = re.search(r"REG:(\d+) STACK:(\d+)", usage)
    code = [
        (int(at, 16), text)
        for at, text in re.findall(r"^\s+/\*([0-9a-f]+)\*/\s+(\S.*?);", dump("-sass"), re.MULTILINE)
    ]
    return Kernel(
        path.stem,
        path.parent.name,
        int(registers[1]),
        int(registers[2]),
        sum(bool(re.search(r"\b(LDL|STL)\b", text)) for _, text in code),
        sum(bool(re.search(r"\bHMMA\b", text)) for _, text in code),
        inner_loop(code),
    )


def kernels(*architectures: str) -> list[Kernel]:
    """All kernels for these architectures, compiled now; raises Missing without the tools."""
    tool = Path(os.environ["STEEPEST_TOOLS"]) / "tool_cubins"
    cuobjdump()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([tool, folder, *architectures], capture_output=True, text=True)
        if done.returncode == 2:
            raise Missing("no NVRTC: pip install nvidia-cuda-nvrtc beside torch")
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return [read(path) for path in sorted(Path(folder).glob("*/*.cubin"))]


# The makers' numbers, dense: Tflop/s of 16-bit factors with float32 sums, SMs, GHz at that, TB/s.
PROCESSORS = {
    "A100": (312, 108, 1.41, 2.0),
    "H100 SXM": (989, 132, 1.83, 3.35),
    "H200": (989, 132, 1.83, 4.8),
    "B200": (2250, 148, 1.85, 8.0),
}
SHARED_BYTES_A_CLOCK = 128  # of an SM


def paper() -> list[str]:
    """What a warp's tile of 64 x 32 or 32 x 64 sums asks of each processor, on paper."""
    rows, columns, depth = 64, 32, 16
    read_bytes = 2 * depth * (rows + columns)  # of shared memory, for 16 ranks
    intensity = 2 * rows * columns * depth / read_bytes
    lines = [
        f"A warp's tile: {intensity:.1f} flop a byte of shared memory. A block's tile, 128 x 128: "
        f"{2 * 128 * 128 / (2 * (128 + 128)):.0f} flop a byte of the L2 cache.",
        "",
        "| processor | tensor cores, flop a clock and SM | shared memory allows | so at most "
        "| flop a byte of memory from which on |",
        "|---|---|---|---|---|",
    ]
    for name, (tflops, sms, ghz, tbytes) in PROCESSORS.items():
        peak = tflops * 1e3 / (sms * ghz)
        allowed = min(peak, intensity * SHARED_BYTES_A_CLOCK)
        most = allowed * sms * ghz / 1e3
        lines.append(
            f"| {name} | {peak:.0f} | {intensity * SHARED_BYTES_A_CLOCK:.0f} | {most:.0f} Tflop/s "
            f"| {most / tbytes:.0f} |"
        )
    return lines


def summary(found: list[Kernel]) -> list[str]:
    """A table with one row a kernel; the architectures in the order of ``found``."""
    architectures = list(dict.fromkeys(kernel.architecture for kernel in found))
    lines = [
        f"| kernel | registers: {', '.join(architectures)} | spills "
        f"| loop on {architectures[0]}: mma, ldmatrix, all |",
        "|---|---|---|---|",
    ]
    for name in sorted({kernel.name for kernel in found}):
        own = [kernel for kernel in found if kernel.name == name]
        registers = ", ".join(str(kernel.registers) for kernel in own)
        loop = ", ".join(str(own[0].loop[kind]) for kind in ("mma", "ldmatrix", "all"))
        spills = sum(kernel.spills for kernel in own)
        lines.append(f"| {name} | {registers} | {spills} | {loop if own[0].mma else ''} |")
    return lines


def main() -> None:
    architectures = sys.argv[1:] or list(ARCHITECTURES)
    found = sorted(kernels(*architectures), key=lambda k: architectures.index(k.architecture))
    print("\n".join([*summary(found), "", *paper()]))


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        sys.exit(str(missing))
