// SPDX-License-Identifier: Apache-2.0
// The float32 kernels. AVX2 holds 6 x 16 sums in 12 of its 16 registers, AVX-512 8 x 32 in 16 of
// 32: enough for two multiplications a cycle, and 8 rows fit the sizes of matrices better than 14
// do.

#include "steepest/kernels/cpu/gemm_kernel.h"

#include <algorithm>

#include "steepest/kernels/cpu/transpose.h"

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

typedef float Eight __attribute__((vector_size(32)));

// Computes a tile of kRows rows and kVectors vectors of columns as Kernel says, from packed panels
// of A and B: it is stored to c, whose rows are `stride` elements apart, or with kAdd added to it.
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

// multiply() for tiles of 6 x 16 elements, as a Kernel.
template <bool kAdd>
[[gnu::target("avx2,fma")]] void multiply_avx2(const std::byte* a, int64_t a_stride,
                                               const std::byte* b, int64_t steps, float* c,
                                               int64_t stride) {
  multiply<Eight, 6, 2, kAdd>(a, a_stride, b, steps, c, stride);
}
// multiply() for tiles of 8 x 32 elements, as a Kernel.
template <bool kAdd>
[[gnu::target("avx512f")]] void multiply_avx512(const std::byte* a, int64_t a_stride,
                                                const std::byte* b, int64_t steps, float* c,
                                                int64_t stride) {
  multiply<Sixteen, 8, 2, kAdd>(a, a_stride, b, steps, c, stride);
}

template <int64_t kWidth>
void pack(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t steps,
          float, std::byte* bytes) {
  auto* const to = reinterpret_cast<float*>(bytes);
  if (rows < kWidth) {
    std::fill_n(to, kWidth * steps, 0.0f);
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < rows; ++r) to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  } else if (row_stride == 1) {
    for (int64_t k = 0; k < steps; ++k)  // copy_n would call memmove for each step
      __builtin_memcpy(to + k * kWidth, x + k * column_stride, kWidth * sizeof(float));
  } else {
    for (int64_t k = 0; k < steps; ++k)
      for (int64_t r = 0; r < kWidth; ++r)
        to[k * kWidth + r] = x[r * row_stride + k * column_stride];
  }
}

constexpr SixteenIndices kColumn = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

[[gnu::target("avx512f")]] void mirror_avx512(const float* from, float* to, int64_t stride,
                                              bool diagonal) {
  Sixteen row[kMirrorSide];
#pragma GCC unroll 16
  for (int r = 0; r < kMirrorSide; ++r)
    __builtin_memcpy(&row[r], from + r * stride, sizeof(Sixteen));
  transpose(row);
#pragma GCC unroll 16
  for (int r = 0; r < kMirrorSide; ++r) {
    if (diagonal) {
      Sixteen before;
      __builtin_memcpy(&before, to + r * stride, sizeof(Sixteen));
      row[r] = kColumn > r ? row[r] : before;
    }
    __builtin_memcpy(to + r * stride, &row[r], sizeof(Sixteen));
  }
}

// pack<32> for contiguous rows, which it would write one element at a time.
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
void pack_b_avx512(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                   int64_t steps, float scale, std::byte* bytes) {
  if (rows < 32 || column_stride != 1)
    return pack<32>(x, row_stride, column_stride, rows, steps, scale, bytes);
  pack_contiguous(x, row_stride, steps, reinterpret_cast<float*>(bytes));
}

}  // namespace

const KernelChoice* float_kernel() {
  static const KernelChoice wide{.rows = 8,
                                 .columns = 32,
                                 .a_width = 8,
                                 .depth = 256,
                                 .unit = 1,
                                 .bytes = 4,
                                 .store = multiply_avx512<false>,
                                 .add = multiply_avx512<true>,
                                 .pack_a = pack<8>,
                                 .pack_b = pack_b_avx512,
                                 .mirror = mirror_avx512,
                                 .shares = true};
  static const KernelChoice narrow{.rows = 6,
                                   .columns = 16,
                                   .a_width = 6,
                                   .depth = 384,
                                   .unit = 1,
                                   .bytes = 4,
                                   .store = multiply_avx2<false>,
                                   .add = multiply_avx2<true>,
                                   .pack_a = pack<6>,
                                   .pack_b = pack<16>};
  if (__builtin_cpu_supports("avx512f")) return &wide;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &narrow;
  return nullptr;
}

#else
const KernelChoice* float_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
