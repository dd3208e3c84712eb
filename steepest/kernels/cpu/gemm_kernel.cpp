// SPDX-License-Identifier: Apache-2.0
// The float32 kernels. AVX2 holds 6 x 16 sums in 12 of its 16 registers, AVX-512 8 x 32 in 16 of
// 32: enough for two multiplications a cycle, and 8 rows fit the sizes of matrices better than 14
// do.

#include "steepest/kernels/cpu/gemm_kernel.h"

#include <algorithm>

#include "steepest/kernels/cpu/instruction_set.h"
#include "steepest/kernels/cpu/transpose.h"

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

// Multiplies `steps` packed steps (values of k) of a panel of A and one of B: c[i][j] = sum_k
// a[k][i] b[k][j] for kRows rows and kVectors vectors of columns of C, whose rows are `stride`
// elements apart; with kAdd the sums are added to c. A step of A has a_stride elements, one of B
// kWidth, the columns of the whole tile.
template <typename Vector, int kRows, int kVectors, int kWidth, bool kAdd>
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
    b += kWidth;
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

// multiply() for tiles of 6 x 16 elements, as a Kernel (gemm_kernel.h): 12 of AVX2's 16 registers
// hold sums.
template <bool kAdd>
[[gnu::target("avx2,fma")]] void multiply_avx2(const std::byte* a, int64_t a_stride,
                                               const std::byte* b, int64_t steps, float* c,
                                               int64_t stride) {
  multiply<Eight, 6, 2, 16, kAdd>(a, a_stride, b, steps, c, stride);
}
// multiply() for tiles of 8 x 32 elements, as a Kernel (gemm_kernel.h): 16 of AVX-512's 32
// registers hold sums. With kHalf only the first sixteen columns are computed.
template <bool kAdd, bool kHalf = false>
[[gnu::target("avx512f")]] void multiply_avx512(const std::byte* a, int64_t a_stride,
                                                const std::byte* b, int64_t steps, float* c,
                                                int64_t stride) {
  multiply<Sixteen, 8, kHalf ? 1 : 2, 32, kAdd>(a, a_stride, b, steps, c, stride);
}

// Copies `rows` <= kWidth rows and `steps` columns of x into a panel of kWidth rows, column (a step
// of the product's sums) after column, as the kernel reads it, with zeros for the rows that are
// missing. Element (r, k) of x is x[r row_stride + k column_stride]. The scale, which has no name,
// is for float16's kernel.
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

// pack<kWidth>() for kWidth whole rows that are contiguous and row_stride elements apart, in AVX2:
// squares of 8 x 8 elements are transposed in registers. Where kWidth is 6 a register is written
// with two elements of no use, over which the next step is written; so the last steps are packed
// one element at a time.
template <int64_t kWidth>
[[gnu::target("avx2,fma")]] void pack_contiguous_avx2(const float* x, int64_t row_stride,
                                                      int64_t steps, float* to) {
  constexpr int64_t kSide = 8, kFilled = kWidth < kSide ? kWidth : kSide;
  const int64_t whole = (steps - 1) / kSide * kSide;
  for (int64_t first = 0; first < kWidth; first += kSide) {
    for (int64_t k = 0; k < whole; k += kSide) {
      Eight row[kSide];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kSide; ++r) {
        row[r] = Eight{};
        if (r < kFilled) __builtin_memcpy(&row[r], x + (first + r) * row_stride + k, sizeof(Eight));
      }
      transpose(row);
#pragma GCC unroll 8
      for (int64_t j = 0; j < kSide; ++j)
        __builtin_memcpy(to + (k + j) * kWidth + first, &row[j], sizeof(Eight));
    }
  }
  for (int64_t k = whole; k < steps; ++k)
    for (int64_t r = 0; r < kWidth; ++r) to[k * kWidth + r] = x[r * row_stride + k];
}
// Packs a panel of kWidth rows for AVX2; the parameters are pack()'s. The contiguous case has a
// faster way.
template <int64_t kWidth>
void pack_avx2(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
               int64_t steps, float scale, std::byte* bytes) {
  if (rows < kWidth || column_stride != 1)
    return pack<kWidth>(x, row_stride, column_stride, rows, steps, scale, bytes);
  pack_contiguous_avx2<kWidth>(x, row_stride, steps, reinterpret_cast<float*>(bytes));
}

// mirror_avx512() in AVX2, by four squares of 8 x 8 elements; those of a square on the diagonal
// that lie above it are left out.
[[gnu::target("avx2,fma")]] void mirror_avx2(const float* from, float* to, int64_t stride,
                                             bool diagonal) {
  constexpr EightIndices kIndex = {0, 1, 2, 3, 4, 5, 6, 7};
  constexpr int64_t kSide = 8;
  for (int64_t i = 0; i < kMirrorSide; i += kSide) {
    for (int64_t j = 0; j < kMirrorSide; j += kSide) {
      if (diagonal && j > i) continue;
      Eight row[kSide];
#pragma GCC unroll 8
      for (int64_t r = 0; r < kSide; ++r)
        __builtin_memcpy(&row[r], from + (i + r) * stride + j, sizeof(Eight));
      transpose(row);
#pragma GCC unroll 8
      for (int r = 0; r < kSide; ++r) {
        float* const line = to + (j + r) * stride + i;
        if (diagonal && i == j) {
          Eight before;
          __builtin_memcpy(&before, line, sizeof(Eight));
          row[r] = kIndex > r ? row[r] : before;
        }
        __builtin_memcpy(line, &row[r], sizeof(Eight));
      }
    }
  }
}

constexpr SixteenIndices kColumn = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

// to <- from^T for a square of 16 x 16 elements, the rows of both being `stride` elements apart.
// For a square on the diagonal of a matrix, where `to` is `from`, only the elements above the
// diagonal are written.
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

// pack<32>() for 32 whole rows that are contiguous and row_stride elements apart: squares of 16 x
// 16 elements are transposed in registers, where pack() would write one element at a time.
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
// Packs a panel of B, 32 columns wide, for AVX-512: `rows` counts those columns, as x is B^T, and
// the parameters are pack()'s. The contiguous case has a faster way.
void pack_b_avx512(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                   int64_t steps, float scale, std::byte* bytes) {
  if (rows < 32 || column_stride != 1)
    return pack<32>(x, row_stride, column_stride, rows, steps, scale, bytes);
  pack_contiguous(x, row_stride, steps, reinterpret_cast<float*>(bytes));
}

}  // namespace

// AVX-512's tiles go first. A panel of B, 256 x 32 or 384 x 16 elements, is 32 or 24 KiB and stays
// in the first cache.
const KernelChoice* float_kernel() {
  static const KernelChoice wide{.name = "AVX-512",
                                 .error = 5e-7,
                                 .rows = 8,
                                 .columns = 32,
                                 .a_width = 8,
                                 .depth = 256,
                                 .unit = 1,
                                 .bytes = 4,
                                 .tile_bytes = 8 * 4,
                                 .store = multiply_avx512<false>,
                                 .add = multiply_avx512<true>,
                                 .store_half = multiply_avx512<false, true>,
                                 .add_half = multiply_avx512<true, true>,
                                 .pack_a = pack<8>,
                                 .pack_b = pack_b_avx512,
                                 .mirror = mirror_avx512,
                                 .shares = true};
  static const KernelChoice narrow{.name = "AVX2",
                                   .error = 5e-7,
                                   .rows = 6,
                                   .columns = 16,
                                   .a_width = 6,
                                   .depth = 384,
                                   .unit = 1,
                                   .bytes = 4,
                                   .tile_bytes = 6 * 4,
                                   .store = multiply_avx2<false>,
                                   .add = multiply_avx2<true>,
                                   .pack_a = pack_avx2<6>,
                                   .pack_b = pack_avx2<16>,
                                   .mirror = mirror_avx2};
  if (has_avx512()) return &wide;
  return has_avx2() ? &narrow : nullptr;
}

#else
// Compiled for other processors, or by other compilers, than those above: there is no kernel.
const KernelChoice* float_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
