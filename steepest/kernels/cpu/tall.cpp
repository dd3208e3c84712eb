// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/tall.h"

#include <algorithm>

#include "steepest/kernels/cpu/every_cpu.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kWidth = kTallWidth;
constexpr int64_t kRows = 4;  // rows at a time, so that fewer passes are made over g

// Adds to g [16, 16], in float64, X^T X of `rows` <= kRows rows of the row-major X [.., 16] at x;
// missing rows count as zeros, so that the loop has a fixed length.
STEEPEST_EVERY_CPU void add_rows(const float* x, int64_t rows, double* g) {
  double row[kRows][kWidth] = {};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < kWidth; ++j) row[r][j] = static_cast<double>(x[r * kWidth + j]);
  for (int64_t i = 0; i < kWidth; ++i) {
    for (int64_t j = 0; j < kWidth; ++j) {
      double sum = g[i * kWidth + j];
      for (int64_t r = 0; r < kRows; ++r) sum += row[r][i] * row[r][j];
      g[i * kWidth + j] = sum;
    }
  }
}

// Does what transpose_tall() promises, y [width, n] <- X^T for X [n, width] at x: by 64 rows at a
// time, which stay in the first cache while their columns are read. It is compiled once for each
// kind of processor.
STEEPEST_EVERY_CPU void transpose(const float* x, int64_t n, int64_t width, int64_t stride,
                                  float* y) {
  constexpr int64_t kRun = 64;
  for (int64_t begin = 0; begin < n; begin += kRun) {
    const int64_t end = std::min(begin + kRun, n);
    for (int64_t j = 0; j < width; ++j)
      for (int64_t i = begin; i < end; ++i) y[j * n + i] = x[i * stride + j];
  }
}

// GCC lowers this vector to the registers that the processor has; a plain loop GCC 12 turns into
// gathers.
typedef float Row __attribute__((vector_size(kWidth * sizeof(float))));

// Does what tall_product() promises, y [n, 16] <- x t for x [n, 16] and t [16, 16]: row by row, so
// that y may be x. It is compiled once for each kind of processor.
STEEPEST_EVERY_CPU void multiply_rows(const float* x, int64_t n, const float* t, float* y) {
  for (int64_t r = 0; r < n; ++r) {
    Row sum = {};
    for (int64_t i = 0; i < kWidth; ++i) {
      Row row;
      __builtin_memcpy(&row, t + i * kWidth, sizeof row);
      sum += x[r * kWidth + i] * row;
    }
    __builtin_memcpy(y + r * kWidth, &sum, sizeof sum);
  }
}

}  // namespace

void tall_gram(const float* x, int64_t n, double* g) {
  std::fill_n(g, kWidth * kWidth, 0.0);
  for (int64_t r = 0; r < n; r += kRows) add_rows(x + r * kWidth, std::min(kRows, n - r), g);
}

void transpose_tall(const float* x, int64_t n, int64_t width, int64_t stride, float* y) {
  transpose(x, n, width, stride, y);
}

void tall_product(const float* x, int64_t n, const float* t, float* y) {
  multiply_rows(x, n, t, y);
}

}  // namespace steepest::cpu
