// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/reduce.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <vector>

#include "steepest/kernels/cpu/every_cpu.h"

namespace steepest::cpu {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements that are summed at a time

// Returns sum_i a[i] b[i] of n elements, multiplied and added in float64.
STEEPEST_EVERY_CPU double inner_product(const float* a, const float* b, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

// Returns sum_i u[i] s[i] of n elements, in float64, where u is the lerp from g to m that LerpView
// (reduce.h) makes of m, g, weight and near: each u[i] is rounded to float32 as torch's lerp would
// be, and never stored.
STEEPEST_EVERY_CPU double lerp_product(const float* m, const float* g, const float* s, int64_t n,
                                       float weight, bool near) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) {
    const float u = std::fma(weight, m[i] - g[i], near ? g[i] : m[i]);
    sum += static_cast<double>(u) * static_cast<double>(s[i]);
  }
  return sum;
}

// Returns the bits of max |x[i]| over n elements, 0 of none. The bits of magnitudes are ordered as
// integers, with NaN above all, so that a NaN is not lost as it may be in a max of floats.
STEEPEST_EVERY_CPU int32_t largest_bits(const float* x, int64_t n) {
  int32_t most = 0;
#pragma omp simd reduction(max : most)
  for (int64_t i = 0; i < n; ++i) {
    const int32_t bits = std::bit_cast<int32_t>(x[i]) & 0x7fffffff;
    most = bits > most ? bits : most;
  }
  return most;
}

// Writes sums[k] <- the sum over the k-th of `batch` segments of `size` elements, which lie one
// after another. part(at, n) has to return the sum over the n elements from `at` on: several
// threads call it, for pieces of fixed length, and its results are added in order, so that any
// number of threads gives the same bits.
void add_pieces(int64_t batch, int64_t size, double* sums, const auto& part) {
  const int64_t pieces = (size + kPiece - 1) / kPiece;
  std::vector<double> parts(batch * pieces);
  at::parallel_for(0, batch * pieces, 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t begin = i % pieces * kPiece;
      parts[i] = part(i / pieces * size + begin, std::min(kPiece, size - begin));
    }
  });
  for (int64_t i = 0; i < batch; ++i) {
    sums[i] = 0;
    for (int64_t k = 0; k < pieces; ++k) sums[i] += parts[i * pieces + k];
  }
}

}  // namespace

void inner_products(const float* a, const float* b, int64_t batch, int64_t size, double* sums) {
  add_pieces(batch, size, sums,
             [&](int64_t at, int64_t n) { return inner_product(a + at, b + at, n); });
}

float largest_magnitude(const float* x, int64_t size) {
  const int64_t pieces = (size + kPiece - 1) / kPiece;
  std::atomic<int32_t> most = 0;
  at::parallel_for(0, pieces, 4, [&](int64_t first, int64_t last) {
    const int64_t begin = first * kPiece, end = std::min(last * kPiece, size);
    const int32_t own = largest_bits(x + begin, end - begin);
    for (int32_t seen = most; own > seen && !most.compare_exchange_weak(seen, own);) {
    }
  });
  return std::bit_cast<float>(most.load());
}

// Computes sums[k] <- sum_i u_i s_i for u, the lerp of two arrays (LerpView in reduce.h), in the
// place of the array a: the elements of u are formed as they are read, and it is never stored.
void inner_products(const LerpView& u, const float* s, int64_t batch, int64_t size, double* sums) {
  add_pieces(batch, size, sums, [&](int64_t at, int64_t n) {
    return lerp_product(u.m + at, u.g + at, s + at, n, u.weight, u.near);
  });
}

}  // namespace steepest::cpu
