# SPDX-License-Identifier: Apache-2.0
"""The kernels for CUDA compile for every architecture; what their machine code is made of."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import cuda_kernels  # noqa: E402

NAMES = {
    *(f"one_block_{width}" for width in (32, 64, 96, 128, 192)),
    *(f"symmetric_{dtype}" for dtype in ("float16", "bfloat16")),
    *(f"step_{what}" for what in ("advance", "move", "sum")),
}


@pytest.fixture(scope="module", params=cuda_kernels.ARCHITECTURES)
def compiled(request):
    try:
        return {kernel.name: kernel for kernel in cuda_kernels.kernels(request.param)}
    except cuda_kernels.Missing as missing:
        pytest.skip(str(missing))


def test_all_kernels_compile_and_nothing_is_spilled(compiled):
    assert set(compiled) == NAMES
    for kernel in compiled.values():
        assert kernel.spills == kernel.stack == 0, kernel


def test_products_are_those_of_tensor_cores(compiled):
    """As many as the tiles have: one mma is 16 x 8 sums of 16 ranks."""
    for kernel in compiled.values():
        assert (kernel.mma > 0) == (not kernel.name.startswith("step_")), kernel
    for name in ("symmetric_float16", "symmetric_bfloat16"):
        loop = compiled[name].loop
        assert loop["mma"] == 2 * (64 // 16) * (32 // 8)  # two times 16 ranks of a warp's tile
        assert loop["ldmatrix"] == 2 * (64 // 16 + 32 // 16)


def test_registers_allow_the_blocks_that_are_meant(compiled):
    """65,536 registers are an SM's: two blocks of the symmetric product, one of an iteration."""
    blocks = {"one_block_128": (256, 1), "one_block_192": (384, 1), "symmetric_float16": (256, 2)}
    for name, (threads, count) in blocks.items():
        assert compiled[name].registers * threads * count <= 65536


def test_a_loop_is_found_by_its_branch():
    code = [(0, "MOV R1"), (16, "LDSM.16 R4"), (32, "HMMA.16816.F32 R8"), (48, "@P0 BRA 0x10")]
    assert cuda_kernels.inner_loop(code) == {"mma": 1, "ldmatrix": 1, "all": 3}
    assert cuda_kernels.inner_loop(code[:3])["all"] == 3
