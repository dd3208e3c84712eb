// SPDX-License-Identifier: Apache-2.0
// The innermost loop of gemm.cpp: a tile of C, held in registers, from one packed panel of A and
// one of B; and how its panels are packed. One choice for each instruction set and each precision.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::cpu {

// tile[i][j] = sum_k a[k][i] b[k][j] over packed panels, of b `columns` numbers a step, of a
// `a_stride` (only float32's kernels read it: the width of the panel that its rows are of).
using Kernel = void (*)(const std::byte* a, int64_t a_stride, const std::byte* b, int64_t steps,
                        float* tile, int64_t stride);

// A panel: `rows` rows of scale x, step after step, and zeros up to the panel's width and whole
// units. Only float16's reads the scale.
using Pack = void (*)(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                      int64_t steps, float scale, std::byte* to);

// to = from^T of 16 x 16 numbers; of a square on the diagonal, where `to` is `from`, the numbers
// above it from those below.
constexpr int64_t kMirrorSide = 16;
using Mirror = void (*)(const float* from, float* to, int64_t stride, bool diagonal);

struct KernelChoice {
  int64_t rows, columns;  // of the tile
  int64_t a_width;        // of a panel of A, a multiple of `rows`; of one of B: `columns`
  int64_t depth;          // steps, so that a panel of B stays in the first cache
  int64_t unit;           // the kernel takes a multiple of it, and `depth` is one
  int64_t bytes;          // of a number in a panel
  float largest = 0;      // Frobenius norm that either operand is scaled to; 0: neither is
  Kernel store, add;      // tile = .., tile += ..
  Pack pack_a, pack_b;
  Mirror mirror = nullptr;  // may be missing
  bool shares = false;  // rows of a panel of B, of which A has the transpose, may serve as one of A
};

constexpr int64_t kMostTile = 32 * 32;  // numbers in a tile

// In float32. nullptr where the processor has neither AVX2 with FMA nor AVX-512.
const KernelChoice* float_kernel();

// Of numbers rounded to bfloat16 by the packing, added up in float32. For whom has_amx() says so;
// nullptr where the compiler has no tiles.
const KernelChoice* amx_kernel();

// Of numbers scaled and rounded to float16, short sums of them in float16. nullptr where the
// processor or the compiler has no AVX-512 FP16.
const KernelChoice* fp16_kernel();

}  // namespace steepest::cpu
