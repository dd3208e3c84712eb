// SPDX-License-Identifier: Apache-2.0
// float32 products on the CPU, symmetric ones at half the cost: of C = A B that is known to be
// symmetric (X X^T, and products of polynomials in one R) the lower triangle is computed and
// mirrored, which no BLAS offers for A B. Blocks are packed for the caches and multiplied by one
// small kernel, in AVX2, AVX-512 or AMX as the processor has it (BLIS; Goto & van de Geijn 2008).
// Where it has AMX or AVX-512 FP16, the factors may be rounded to 16 bits for it.
#pragma once

#include <c10/core/ScalarType.h>

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

// C = alpha A B + beta D + epsilon E; E may be missing, or both. They are row-major [a.rows,
// b.columns], C's rows may lie further apart; it overlaps nothing.
struct Gemm {
  View a, b;
  float* c = nullptr;
  int64_t c_stride = 0;  // from row to row; 0: b.columns
  float alpha = 1;
  const float* d = nullptr;
  const float* e = nullptr;
  float beta = 0, epsilon = 0;
  bool symmetric = false;  // the caller knows that A B, D and E are
  // A and B are rounded to it on the way in, and their products added up in float32: kBFloat16 by
  // AMX; kHalf by AVX-512 FP16, in float16 128 at a time.
  c10::ScalarType factors = c10::kFloat;
  double a_norm = 0, b_norm = 0;  // |A|_F, |B|_F or a little more; kHalf needs them for its range
  double* c_norm = nullptr;       // receives |C|_F, of a symmetric C up to sqrt(2) times as much
};

// The processor has a kernel for float32: AVX2 with FMA, or AVX-512.
bool has_gemm();

// The 16 bits that it multiplies faster: kBFloat16 with AMX, kHalf with AVX-512 FP16, else kFloat.
c10::ScalarType fast_factors();

// On the caller's threads (at::parallel_for), or on this one alone inside of a parallel region. The
// same bits on any number of threads.
void gemm(const Gemm& product);

}  // namespace steepest::cpu
