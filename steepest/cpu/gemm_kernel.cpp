// SPDX-License-Identifier: Apache-2.0
// In float32. Registers: 6 x 16 sums in 12 of AVX2's 16, 14 x 32 in 28 of AVX-512's 32; the rest
// hold a row of B and a number of A.

#include "steepest/cpu/gemm_kernel.h"

#include <algorithm>

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));

template <typename Vector, int kRows, int kVectors, bool kAdd>
[[gnu::always_inline]] inline void multiply(const std::byte* a_panel, const std::byte* b_panel,
                                            int64_t steps, float* c, int64_t stride) {
  const auto* a = reinterpret_cast<const float*>(a_panel);
  const auto* b = reinterpret_cast<const float*>(b_panel);
  constexpr int kLanes = sizeof(Vector) / sizeof(float);
  Vector sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < steps; ++k) {
    Vector row[kVectors];
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j)
      __builtin_memcpy(&row[j], b + static_cast<int64_t>(j) * kLanes, sizeof(Vector));
#pragma GCC unroll 14
    for (int i = 0; i < kRows; ++i) {
      const float x = a[i];
#pragma GCC unroll 2
      for (int j = 0; j < kVectors; ++j) sum[i][j] += x * row[j];
    }
    a += kRows;
    b += kVectors * kLanes;
  }
#pragma GCC unroll 14
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVectors; ++j) {
      float* const to = c + i * stride + static_cast<int64_t>(j) * kLanes;
      Vector out = sum[i][j];
      if constexpr (kAdd) {
        Vector before;
        __builtin_memcpy(&before, to, sizeof(Vector));
        out += before;
      }
      __builtin_memcpy(to, &out, sizeof(Vector));
    }
  }
}

template <bool kAdd>
[[gnu::target("avx2,fma")]] void avx2(const std::byte* a, const std::byte* b, int64_t steps,
                                      float* c, int64_t stride) {
  multiply<Eight, 6, 2, kAdd>(a, b, steps, c, stride);
}
template <bool kAdd>
[[gnu::target("avx512f")]] void avx512(const std::byte* a, const std::byte* b, int64_t steps,
                                       float* c, int64_t stride) {
  multiply<Sixteen, 14, 2, kAdd>(a, b, steps, c, stride);
}

template <int64_t kWidth>
void pack(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t steps,
          std::byte* bytes) {
  auto* const to = reinterpret_cast<float*>(bytes);
  if (rows < kWidth) {
    std::fill_n(to, kWidth * steps, 0.0f);
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < rows; ++r) to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  } else if (row_stride == 1) {
    for (int64_t k = 0; k < steps; ++k) std::copy_n(x + k * column_stride, kWidth, to + k * kWidth);
  } else {
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < kWidth; ++r)
        to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  }
}

}  // namespace

const KernelChoice* float_kernel() {
  static const KernelChoice wide{14,           32,       256,     1, 4, avx512<false>,
                                 avx512<true>, pack<14>, pack<32>};
  static const KernelChoice narrow{6, 16, 384, 1, 4, avx2<false>, avx2<true>, pack<6>, pack<16>};
  if (__builtin_cpu_supports("avx512f")) return &wide;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &narrow;
  return nullptr;
}

#else
const KernelChoice* float_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
