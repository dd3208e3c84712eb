// SPDX-License-Identifier: Apache-2.0
// float32 matrix products on the CPU. A product C = A B that is known to be symmetric (X X^T, and
// products of polynomials in one R) costs half: its lower triangle is computed and mirrored, which
// no BLAS offers for A B. Blocks are packed for the caches and multiplied by one small kernel, in
// AVX2 or AVX-512 as the processor has it (BLIS; Goto & van de Geijn 2008). With AMX, AVX-512 FP16
// or AVX-512 BF16, the operands may be rounded to 16 bits: kernel_rows() has the choice.
#pragma once

#include <cstdint>

#include "steepest/kernels/cpu/gemm_kernel.h"

namespace steepest::cpu {

// A matrix whose element (i, j) is data[i * row_stride + j * column_stride].
struct View {
  const float* data = nullptr;
  int64_t rows = 0, columns = 0;
  int64_t row_stride = 0, column_stride = 1;

  // Returns the transposed matrix, as the same memory.
  View transposed() const { return {data, columns, rows, column_stride, row_stride}; }
};
// Returns the matrix [rows, columns] whose rows lie one after another from `data` on.
inline View row_major(const float* data, int64_t rows, int64_t columns) {
  return {data, rows, columns, columns, 1};
}

// C = alpha A B + beta D + epsilon E. E may be missing, or D and E. C, D and E are row-major
// [a.rows, b.columns]; the rows of C may lie further apart, and it overlaps nothing.
struct Gemm {
  View a, b;
  float* c = nullptr;
  int64_t c_stride = 0;  // from row to row; 0: b.columns
  float alpha = 1;
  const float* d = nullptr;
  const float* e = nullptr;
  float beta = 0, epsilon = 0;
  bool symmetric = false;  // the caller knows that A B, D and E are symmetric
  // By which A and B are multiplied, and rounded when they are packed; nullptr: float_kernel().
  const KernelChoice* kernel = nullptr;
  double a_norm = 0, b_norm = 0;  // |A|_F, |B|_F or a little more, where the kernel scales by them
  double* c_norm = nullptr;       // receives |C|_F; for a symmetric C up to sqrt(2) times as much
};

// Whether the processor has a kernel for float32: AVX2 with FMA, or AVX-512.
bool has_gemm();

// Writes C, and *c_norm where it is asked for, on the threads of at::parallel_for, or on this one
// alone within a parallel region: the same bits on any number of threads. It needs has_gemm(), and
// a processor on which product.kernel runs.
void gemm(const Gemm& product);

}  // namespace steepest::cpu
