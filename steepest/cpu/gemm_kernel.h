// SPDX-License-Identifier: Apache-2.0
// The innermost loop of gemm.cpp: a tile of C, held in registers, from one packed panel of A
// and one of B. One template, compiled for each instruction set: kernels() picks at run time.
#pragma once

#include <cstdint>

namespace steepest::cpu {

// tile[i][j] = sum_k a[k][i] b[k][j] over packed panels of `rows` and `columns` numbers a step.
using Kernel = void (*)(const float* a, const float* b, int64_t steps, float* tile, int64_t stride);

struct KernelChoice {
  int64_t rows, columns;  // of the tile
  int64_t depth;          // steps, so that a panel of B stays in the first cache
  Kernel store, add;      // tile = .., tile += ..
};

constexpr int64_t kMostTile = 14 * 32;  // numbers in a tile

// nullptr where the processor has neither AVX2 with FMA nor AVX-512.
const KernelChoice* kernel_choice();

}  // namespace steepest::cpu
