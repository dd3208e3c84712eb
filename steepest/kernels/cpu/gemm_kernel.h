// SPDX-License-Identifier: Apache-2.0
// The innermost loop of gemm.cpp: a tile of C, held in registers, from one packed panel of A and
// one of B; and how these panels are packed. There is one KernelChoice for each instruction set and
// operand dtype. A step is an index k of the sum C_ij = sum_k A_ik B_kj.
#pragma once

#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>

namespace steepest::cpu {

// tile[i][j] = sum_k a[k][i] b[k][j] over packed panels. A step of b has `columns` elements, one of
// a has `a_stride`: the width of the panel in which its rows lie. Only float32's kernels read it.
using Kernel = void (*)(const std::byte* a, int64_t a_stride, const std::byte* b, int64_t steps,
                        float* tile, int64_t stride);

// Packs a panel: `rows` rows of scale x, step after step, and zeros up to the panel's width and to
// whole units. Only float16's kernel reads the scale.
using Pack = void (*)(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                      int64_t steps, float scale, std::byte* to);

// to = from^T for a square of 16 x 16 elements. For a square on the diagonal, where `to` is `from`,
// the elements above the diagonal are taken from those below it.
constexpr int64_t kMirrorSide = 16;
using Mirror = void (*)(const float* from, float* to, int64_t stride, bool diagonal);

struct KernelChoice {
  const char* name = nullptr;              // the instruction set
  c10::ScalarType operands = c10::kFloat;  // the dtype to which the packing rounds them
  const char* sums = "float32";            // the dtype in which their products are added up
  double error = 0;                        // of a product of random matrices, see kernel_rows()
  int64_t min_rows = 0;                    // of a matrix; with fewer, packing costs too much
  bool left_by_rows = false;               // a left operand A is packed faster by rows

  int64_t rows, columns;  // the size of the tile
  int64_t a_width;        // rows of a panel of A, a multiple of `rows`; one of B has `columns`
  int64_t depth;          // steps of a panel, few enough for one of B to stay in the first cache
  int64_t unit;           // the kernel takes multiples of so many steps; `depth` is one
  int64_t bytes;          // the size of an element in a panel
  int64_t tile_bytes;     // from a tile's first row in a panel of A to the next tile's
  float scaled_norm = 0;  // the Frobenius norm that either operand is scaled to; 0: not scaled
  Kernel store, add;      // tile = .., tile += ..
  // The same for the left half of the tile's columns; may be missing.
  Kernel store_half = nullptr, add_half = nullptr;
  Pack pack_a, pack_b;
  Mirror mirror = nullptr;  // may be missing
  bool shares = false;      // with A = B^T, rows of a panel of B may serve as a panel of A
};

constexpr int64_t kMaxTileElements = 32 * 32;

// Returns the kernel for float32 operands, in AVX-512 or AVX2 with FMA; nullptr where the processor
// has neither.
const KernelChoice* float_kernel();

// The kernel for operands that the packing rounds to bfloat16, with sums in float32. It may only
// run where has_amx(); nullptr where the compiler has no tiles.
const KernelChoice* amx_kernel();

// The kernel for operands that the packing scales and rounds to float16, with short sums in
// float16. nullptr where the processor or the compiler has no AVX-512 FP16.
const KernelChoice* fp16_kernel();

// The kernel for operands that the packing rounds to bfloat16, with sums in float32, by AVX-512
// BF16. nullptr where the processor or the compiler has none.
const KernelChoice* bf16_kernel();

}  // namespace steepest::cpu
