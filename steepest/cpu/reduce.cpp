// SPDX-License-Identifier: Apache-2.0
#include "steepest/cpu/reduce.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "steepest/cpu/every_cpu.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kPiece = 1 << 14;

STEEPEST_EVERY_CPU double inner_product(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

void inner_products(const float* a, const float* b, int64_t batch, int64_t size, double* sums) {
  const int64_t pieces = (size + kPiece - 1) / kPiece;
  std::vector<double> parts(batch * pieces);
  at::parallel_for(0, batch * pieces, 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i % pieces * kPiece, at = i / pieces * size + begin;
      parts[i] = inner_product(a + at, b + at, std::min(kPiece, size - begin));
    }
  });
  for (int64_t i = 0; i < batch; ++i) {
    sums[i] = 0;
    for (int64_t k = 0; k < pieces; ++k) sums[i] += parts[i * pieces + k];
  }
}

}  // namespace steepest::cpu
