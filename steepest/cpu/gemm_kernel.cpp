// SPDX-License-Identifier: Apache-2.0
// In float32. Registers: 6 x 16 sums in 12 of AVX2's 16; with AVX-512 8 x 32 in 16 of 32, enough
// for two multiplications a cycle, and 8 fits the sizes of matrices better than 14 does.

#include "steepest/cpu/gemm_kernel.h"

#include <algorithm>

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));

template <typename Vector, int kRows, int kVectors, bool kAdd>
[[gnu::always_inline]] inline void multiply(const std::byte* a_panel, int64_t a_stride,
                                            const std::byte* b_panel, int64_t steps, float* c,
                                            int64_t stride) {
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
    a += a_stride;
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
[[gnu::target("avx2,fma")]] void avx2(const std::byte* a, int64_t a_stride, const std::byte* b,
                                      int64_t steps, float* c, int64_t stride) {
  multiply<Eight, 6, 2, kAdd>(a, a_stride, b, steps, c, stride);
}
template <bool kAdd>
[[gnu::target("avx512f")]] void avx512(const std::byte* a, int64_t a_stride, const std::byte* b,
                                       int64_t steps, float* c, int64_t stride) {
  multiply<Sixteen, 8, 2, kAdd>(a, a_stride, b, steps, c, stride);
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
    for (int64_t k = 0; k < steps; ++k)  // copy_n would call memmove for each
      __builtin_memcpy(to + k * kWidth, x + k * column_stride, kWidth * sizeof(float));
  } else {
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < kWidth; ++r)
        to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  }
}

// The transpose of 16 rows x of 16 numbers, in registers: halves of pairs of rows change places,
// then quarters, ...
typedef int Indices __attribute__((vector_size(64)));
template <int kDistance>
[[gnu::always_inline]] inline void exchange(Sixteen* row) {
  Indices low, high;
  for (int j = 0; j < 16; ++j) {
    const bool upper = (j & kDistance) != 0;
    low[j] = upper ? 16 + j - kDistance : j;
    high[j] = upper ? 16 + j : j + kDistance;
  }
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if ((i & kDistance) != 0) continue;
    const Sixteen a = row[i], b = row[i + kDistance];
    row[i] = __builtin_shuffle(a, b, low);
    row[i + kDistance] = __builtin_shuffle(a, b, high);
  }
}

[[gnu::always_inline]] inline void transpose(Sixteen* row) {
  exchange<8>(row);
  exchange<4>(row);
  exchange<2>(row);
  exchange<1>(row);
}

[[gnu::target("avx512f")]] void transpose512(const float* from, float* to, int64_t stride) {
  Sixteen row[16];
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) __builtin_memcpy(&row[r], from + r * stride, sizeof(Sixteen));
  transpose(row);
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) __builtin_memcpy(to + r * stride, &row[r], sizeof(Sixteen));
}

// pack<32> of rows that are contiguous, which would write one number at a time.
[[gnu::target("avx512f")]] void pack_contiguous(const float* x, int64_t row_stride, int64_t steps,
                                                float* to) {
  const int64_t whole = steps / 16 * 16;
  for (const int half : {0, 16}) {
    for (int64_t k = 0; k < whole; k += 16) {
      Sixteen row[16];
#pragma GCC unroll 16
      for (int r = 0; r < 16; ++r)
        __builtin_memcpy(&row[r], x + (half + r) * row_stride + k, sizeof(Sixteen));
      transpose(row);
#pragma GCC unroll 16
      for (int j = 0; j < 16; ++j)
        __builtin_memcpy(to + (k + j) * 32 + half, &row[j], sizeof(Sixteen));
    }
  }
  for (int64_t k = whole; k < steps; ++k)
    for (int r = 0; r < 32; ++r) to[k * 32 + r] = x[r * row_stride + k];
}
void pack_b512(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
               int64_t steps, std::byte* bytes) {
  if (rows < 32 || column_stride != 1)
    return pack<32>(x, row_stride, column_stride, rows, steps, bytes);
  pack_contiguous(x, row_stride, steps, reinterpret_cast<float*>(bytes));
}

}  // namespace

const KernelChoice* float_kernel() {
  static const KernelChoice wide{
      8, 32, 256, 1, 4, avx512<false>, avx512<true>, pack<8>, pack_b512, transpose512, true};
  static const KernelChoice narrow{6,          16,      384,      1,       4,    avx2<false>,
                                   avx2<true>, pack<6>, pack<16>, nullptr, false};
  if (__builtin_cpu_supports("avx512f")) return &wide;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &narrow;
  return nullptr;
}

#else
const KernelChoice* float_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
