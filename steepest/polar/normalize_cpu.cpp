// SPDX-License-Identifier: Apache-2.0
#include "steepest/polar/normalize_cpu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "steepest/cpu/every_cpu.h"

namespace steepest {
namespace {

// Numbers at a time; the sums of pieces are added in their order, whatever the threads.
constexpr int64_t kPiece = 1 << 14;

STEEPEST_EVERY_CPU double sum_of_squares(const float* x, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const double v = x[i];
    sum += v * v;
  }
  return sum;
}

// In float64: the factor of a matrix of norm 1e-40 is beyond float32.
STEEPEST_EVERY_CPU void scale(const float* x, float* y, int64_t n, double factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * factor);
}

}  // namespace

at::Tensor normalized_on_cpu(const at::Tensor& x, double safety) {
  if (!x.is_cpu() || x.scalar_type() != at::kFloat || !x.is_contiguous()) return {};
  const int64_t size = x.size(1) * x.size(2), pieces = (size + kPiece - 1) / kPiece;
  const auto* const from = x.const_data_ptr<float>();
  auto y = at::empty_like(x);
  auto* const to = y.mutable_data_ptr<float>();
  const auto each_piece = [&](const auto& body) {  // body(matrix, piece's index, begin, length)
    at::parallel_for(0, x.size(0) * pieces, 1, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; ++i) {
        const int64_t begin = i % pieces * kPiece;
        body(i / pieces, i, i / pieces * size + begin, std::min(kPiece, size - begin));
      }
    });
  };
  std::vector<double> sums(x.size(0) * pieces), factors(x.size(0), 0.0);
  each_piece([&](int64_t, int64_t i, int64_t begin, int64_t length) {
    sums[i] = sum_of_squares(from + begin, length);
  });
  for (int64_t b = 0; b < x.size(0); ++b) {
    double sum = 0;
    for (int64_t i = 0; i < pieces; ++i) sum += sums[b * pieces + i];
    if (sum != 0) factors[b] = 1 / (safety * std::sqrt(sum));  // a NaN or Inf stays one
  }
  each_piece([&](int64_t b, int64_t, int64_t begin, int64_t length) {
    scale(from + begin, to + begin, length, factors[b]);
  });
  return y;
}

}  // namespace steepest
