// SPDX-License-Identifier: Apache-2.0
// y = A x and z = A^T y in one reading of A. For a few columns both products wait for memory: A's
// rows are used twice while they are in the cache, which no pair of BLAS calls does.
#pragma once

#include <cstdint>

namespace steepest::cpu {

// The columns that x may have; and those which the processor takes in its stride: with AVX-512 all
// of them.
constexpr int64_t kSweepNarrow = 8, kSweepWide = 16;
int64_t sweep_width();

struct Sweep {
  const float* a = nullptr;  // row-major [rows, columns]
  int64_t rows = 0, columns = 0, width = 0;
  const float* x = nullptr;  // [columns, width]
  float* y = nullptr;        // [rows, width]
  float* z = nullptr;        // [columns, width]
};

// The processor has AVX2 and FMA.
bool has_sweep();

// The same bits on any number of threads.
void sweep(const Sweep& s);

}  // namespace steepest::cpu
