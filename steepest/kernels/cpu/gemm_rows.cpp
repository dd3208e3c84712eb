// SPDX-License-Identifier: Apache-2.0
#include "steepest/kernels/cpu/gemm_rows.h"

#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/gemm_kernel.h"

namespace steepest::cpu {
namespace {

// GCC lowers this vector to the registers that the processor has; for a plain loop GCC 12 takes
// half of AVX-512's.
typedef float Vector __attribute__((vector_size(Rows::kVector * sizeof(float))));

// c <- alpha c + beta d + epsilon e, of r's factors, for the elements [j, n) of a row, which are
// behind its last whole vector; without d or e where kD or kE says so. Returns `squares` with the
// squares of the results added.
template <bool kD, bool kE>
[[gnu::always_inline]] inline float combine_rest(const Rows& r, float* c, const float* d,
                                                 const float* e, int64_t j, int64_t n,
                                                 float squares) {
  for (; j < n; ++j) {
    float x = c[j] * r.alpha;
    if constexpr (kD) x += r.beta * d[j];
    if constexpr (kE) x += r.epsilon * e[j];
    c[j] = x;
    squares += x * x;
  }
  return squares;
}

// Computes c <- alpha c + beta d + epsilon e for the rows of `r`, without d or e where kD or kE
// says so. Returns the sum of the squares of the results as combine_rows() does.
template <bool kD, bool kE>
[[gnu::always_inline]] inline double combine(const Rows& r) {
  Vector squares = {};
  float rest = 0;  // squares behind the last whole vector
  double diagonal = 0;
  for (int64_t i = r.first; i < r.first + r.count; ++i) {
    float* const c = r.c + i * r.c_stride;
    const float *const d = r.d + (kD ? i * r.stride : 0), *const e = r.e + (kE ? i * r.stride : 0);
    const int64_t n = r.width_of(i);
    int64_t j = 0;
    for (; j + Rows::kVector <= n; j += Rows::kVector) {
      Vector x, y;  // y: elements of D, then of E
      __builtin_memcpy(&x, c + j, sizeof x);
      x *= r.alpha;
      if constexpr (kD) {
        __builtin_memcpy(&y, d + j, sizeof y);
        x += r.beta * y;
      }
      if constexpr (kE) {
        __builtin_memcpy(&y, e + j, sizeof y);
        x += r.epsilon * y;
      }
      __builtin_memcpy(c + j, &x, sizeof x);
      squares += x * x;
    }
    rest = combine_rest<kD, kE>(r, c, d, e, j, n, rest);
    if (r.triangle) diagonal += static_cast<double>(c[i] * c[i]);
  }
  double total = static_cast<double>(rest);
  for (int64_t k = 0; k < Rows::kVector; ++k) total += static_cast<double>(squares[k]);
  return r.triangle ? 2 * total - diagonal : total;
}

// Computes C <- alpha C + beta D + epsilon E for the rows `r`, without E or without both D and E
// where r has nullptr for them, and returns the sum of the squares of the results, as
// combine_rows() does: this is its body, compiled for each kind of processor.
STEEPEST_EVERY_CPU double combine(const Rows& r) {
  if (r.d == nullptr) return combine<false, false>(r);
  return r.e == nullptr ? combine<true, false>(r) : combine<true, true>(r);
}

}  // namespace

double combine_rows(const Rows& rows) { return combine(rows); }

void mirror_rows(float* c, int64_t stride, int64_t begin, int64_t end) {
  constexpr int64_t kSide = kMirrorSide;
  const Mirror fast = float_kernel() == nullptr ? nullptr : float_kernel()->mirror;
  for (int64_t i = begin; i < end; i += kSide) {
    for (int64_t j = 0; j <= i; j += kSide) {
      if (fast != nullptr && i + kSide <= end) {
        fast(c + i * stride + j, c + j * stride + i, stride, i == j);
        continue;
      }
      for (int64_t r = i; r < std::min(i + kSide, end); ++r) {
        for (int64_t s = j; s < std::min(j + kSide, r); ++s) c[s * stride + r] = c[r * stride + s];
      }
    }
  }
}

}  // namespace steepest::cpu
