// SPDX-License-Identifier: Apache-2.0
// float32 products on the CPU, symmetric ones at half the cost: of C = A B that is known to be
// symmetric (X X^T, and products of polynomials in one R) the lower triangle is computed and
// mirrored, which no BLAS offers for A B. Blocks are packed for the caches and multiplied by one
// small kernel, in AVX2, AVX-512 or AMX as the processor has it (BLIS; Goto & van de Geijn 2008).
#pragma once

#include <cstdint>

namespace steepest::cpu {

// Element (i, j) at data[i * row_stride + j * column_stride].
struct View {
  const float* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;

  View transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};
inline View row_major(const float* data, int64_t rows, int64_t columns) {
  return {data, rows, columns, columns, 1};
}

// C = alpha A B + beta D + epsilon E. C, D and E are row-major [a.rows, b.columns], C's
// rows may lie further apart; it overlaps nothing.
struct Gemm {
  View a, b;
  float* c = nullptr;
  int64_t c_stride = 0;  // from row to row; 0: b.columns
  float alpha = 1;
  const float* d = nullptr;
  const float* e = nullptr;
  float beta = 0, epsilon = 0;
  bool symmetric = false;  // the caller knows that A B, D and E are
  bool half = false;       // A and B rounded to bfloat16 on the way in, the sums in float32: AMX
};

// The processor has a kernel for float32: AVX2 with FMA, or AVX-512. For AMX see has_amx().
bool has_gemm();

// On the caller's threads (at::parallel_for), or on this one alone inside of a parallel region. The
// same bits on any number of threads.
void gemm(const Gemm& product);

}  // namespace steepest::cpu
