// SPDX-License-Identifier: Apache-2.0
// The innermost loop of gemm.cpp: a tile of C, held in registers, from one packed panel of A and
// one of B; and how its panels are packed. One choice for each instruction set and each precision.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::cpu {

// tile[i][j] = sum_k a[k][i] b[k][j] over packed panels, of b `columns` numbers a step, of a
// `a_stride` (only float32's kernels read it: `rows`, or more).
using Kernel = void (*)(const std::byte* a, int64_t a_stride, const std::byte* b, int64_t steps,
                        float* tile, int64_t stride);

// A panel: `rows` rows of x, step after step, and zeros up to the panel's width and whole units.
using Pack = void (*)(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                      int64_t steps, std::byte* to);

// to = from^T of 16 x 16 numbers.
using Transpose = void (*)(const float* from, float* to, int64_t stride);

struct KernelChoice {
  int64_t rows, columns;  // of the tile
  int64_t depth;          // steps, so that a panel of B stays in the first cache
  int64_t unit;           // the kernel takes a multiple of it, and `depth` is one
  int64_t bytes;          // of a number in a panel
  Kernel store, add;      // tile = .., tile += ..
  Pack pack_a, pack_b;
  Transpose transpose;  // may be missing
  bool shares;          // rows of a panel of B, of which A has the transpose, may serve as one of A
};

constexpr int64_t kMostTile = 32 * 32;  // numbers in a tile

// In float32. nullptr where the processor has neither AVX2 with FMA nor AVX-512.
const KernelChoice* float_kernel();

// Of numbers rounded to bfloat16 by the packing, added up in float32. For whom has_amx() says so;
// nullptr where the compiler has no tiles.
const KernelChoice* amx_kernel();

}  // namespace steepest::cpu
