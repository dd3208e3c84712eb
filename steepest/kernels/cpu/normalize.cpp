// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/normalize.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/reduce.h"
#include "steepest/kernels/plain.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements at a time

// Writes y[i] = factor x[i] for n elements. The factor is in float64: that of a matrix of norm
// 1e-40 is beyond float32.
STEEPEST_EVERY_CPU void scale(const float* x, float* y, int64_t n, double factor) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) y[i] = static_cast<float>(x[i] * factor);
}

}  // namespace

at::Tensor normalize(const at::Tensor& x, double safety) {
  if (!is_contiguous_float32(x)) return {};
  const int64_t size = x.size(1) * x.size(2), pieces = (size + kPiece - 1) / kPiece;
  const auto* const from = x.const_data_ptr<float>();
  auto y = at::empty_like(x);
  auto* const to = y.mutable_data_ptr<float>();
  std::vector<double> factors(x.size(0));
  inner_products(from, from, x.size(0), size, factors.data());
  for (auto& f : factors)
    if (f != 0) f = 1 / (safety * std::sqrt(f));  // a NaN or Inf stays one
  at::parallel_for(0, x.size(0) * pieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i % pieces * kPiece, at = i / pieces * size + begin;
      scale(from + at, to + at, std::min(kPiece, size - begin), factors[i / pieces]);
    }
  });
  return y;
}

}  // namespace steepest::cpu
