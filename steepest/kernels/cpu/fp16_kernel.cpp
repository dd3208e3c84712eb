// SPDX-License-Identifier: Apache-2.0
// AVX-512 FP16 makes 32 multiplications in float16 where float32 has 16. The sums are in float16
// and added up in float32 every `depth` steps. The steps go in pairs, both in one 32-bit lane:
//   panel   [pairs of steps] [rows 0, 2, .., 30, 1, 3, .., 31] [the pair]
// so that a row of A comes by a broadcast of 32 bits, which needs no shuffle port, and a sum
// becomes two of half the length. Even rows stand before odd ones, so that the halves of two
// registers give their 32 sums in order.
//
// By these sums a product loses .0009 (64 steps) to .0012 (128 and more) of its norm; with operands
// rounded to bfloat16 it would lose .002. Twice the depth would be 5 % faster and lose .0017. But
// where all terms are equal they are rounded alike, each by up to 2^-11 of the sum, and an error of
// three percent in a square was enough to turn Polar Express around.

#include <algorithm>

#include "steepest/kernels/cpu/fp16.h"
#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/cpu/transpose.h"

namespace steepest::cpu {

#if STEEPEST_HAS_FP16
namespace {

constexpr int64_t kRows = 8, kWidth = 32;  // the size of the tile; a panel has kWidth rows
constexpr int64_t kDepth = 128;

// Multiplies `steps` packed steps (values of k), an even number, of eight rows of a panel of A and
// a panel of B, in float16: c[i][j] = sum_k a[k][i] b[k][j] for 8 x 32 float32 elements of C, whose
// rows are `stride` elements apart; with kAdd the sums are added to c. The stride of A, which has
// no name, is always the panel's.
template <bool kAdd>
STEEPEST_FP16 void multiply(const std::byte* a, int64_t, const std::byte* b, int64_t steps,
                            float* c, int64_t stride) {
  Halves sum[kRows][2] = {};
  for (int64_t k = 0; k < steps; k += 2) {
    const auto even = load<Halves>(b), odd = load<Halves>(b + sizeof(Halves));
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      uint32_t pair;
      __builtin_memcpy(&pair, a + (i % 2) * sizeof(Halves) + i / 2 * sizeof pair, sizeof pair);
      const auto x = same_bits<Halves>(Words{} + pair);
      sum[i][0] += x * even;
      sum[i][1] += x * odd;
    }
    a += 2 * sizeof(Halves);
    b += 2 * sizeof(Halves);
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const auto even = same_bits<Words>(sum[i][0]), odd = same_bits<Words>(sum[i][1]);
    const Halves sums = same_bits<Halves>((even & 0xffff) | (odd << 16)) +
                        same_bits<Halves>((even >> 16) | (odd & 0xffff0000));
    EightWords half[2];
    __builtin_memcpy(half, &sums, sizeof sums);
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      float* const to = c + i * stride + static_cast<int64_t>(j) * 16;
      auto out = to_float32(half[j]);
      if constexpr (kAdd) out += load<Sixteen>(to);
      __builtin_memcpy(to, &out, sizeof out);
    }
  }
}

// Packs two columns of the operand, each given as 32 elements that lie side by side (one for each
// row), times the scale and rounded to float16, two a word: 16 words for the even rows, then 16 for
// the odd ones, each with the two columns' elements of one row.
STEEPEST_FP16 inline void pack_pair(const float* first, const float* second, float scale,
                                    std::byte* to) {
  const Words a = rounded_row(first, scale), b = rounded_row(second, scale);
  const Words even = (a & 0xffff) | (b << 16), odd = (a >> 16) | (b & 0xffff0000);
  __builtin_memcpy(to, &even, sizeof even);
  __builtin_memcpy(to + sizeof even, &odd, sizeof odd);
}

// Packs 32 columns of 32 rows of scale x, rounded to float16, as pack_pair() does for each two
// columns. Each row is contiguous, row_stride elements from the next, so that 16 pairs of columns
// fill a register: the registers of the even rows, and then those of the odd ones, are transposed
// to have a pair of columns each.
STEEPEST_FP16 void pack_along(const float* x, int64_t row_stride, float scale, std::byte* to) {
  for (const int first : {0, 1}) {
    Sixteen row[16];
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r)
      row[r] = same_bits<Sixteen>(rounded_row(x + (2 * r + first) * row_stride, scale));
    transpose(row);
#pragma GCC unroll 16
    for (int pair = 0; pair < 16; ++pair)
      __builtin_memcpy(to + (2 * pair + first) * sizeof(Sixteen), &row[pair], sizeof(Sixteen));
  }
}

// Packs `rows` <= 32 rows and `steps` columns of scale x, rounded to float16, into the panel `to`,
// as pack_pair() does for each two columns, with zeros up to 32 rows and an even number of columns.
// Rows, or columns, that are contiguous and whole are read a register at a time, and all others
// element by element.
STEEPEST_FP16 void pack(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                        int64_t steps, float scale, std::byte* to) {
  constexpr int64_t kPairBytes = 2 * sizeof(Halves);
  int64_t k = 0;
  if (rows == kWidth && column_stride == 1) {
    for (; k + kWidth <= steps; k += kWidth, to += kWidth / 2 * kPairBytes)
      pack_along(x + k, row_stride, scale, to);
  } else if (rows == kWidth && row_stride == 1) {
    for (; k + 2 <= steps; k += 2, to += kPairBytes) {
      const float* const from = x + k * column_stride;
      pack_pair(from, from + column_stride, scale, to);
    }
  }
  for (; k < steps; k += 2, to += kPairBytes) {
    float pair[2][kWidth] = {};
    for (int64_t s = k; s < std::min(k + 2, steps); ++s)
      for (int64_t r = 0; r < rows; ++r) pair[s - k][r] = x[r * row_stride + s * column_stride];
    pack_pair(pair[0], pair[1], scale, to);
  }
}

}  // namespace

// Returns the kernel for operands in float16 by AVX-512 FP16; nullptr where the processor has none.
// Operands are scaled to a Frobenius norm of 200, so that no element, and no sum of products over
// 128 steps, leaves float16's range, as |A|_F |B|_F = 40,000 < 65,504.
const KernelChoice* fp16_kernel() {
  static const KernelChoice choice{.name = "FP16",
                                   .operands = c10::kHalf,
                                   .sums = "float16 over 128 steps, then float32",
                                   .error = 2e-3,
                                   .min_rows = 32,
                                   .rows = kRows,
                                   .columns = kWidth,
                                   .a_width = kWidth,
                                   .depth = kDepth,
                                   .unit = 2,
                                   .bytes = 2,
                                   .tile_bytes = kRows * 2,
                                   .scaled_norm = 200,
                                   .store = multiply<false>,
                                   .add = multiply<true>,
                                   .pack_a = pack,
                                   .pack_b = pack,
                                   .shares = true};
  return has_fp16() ? &choice : nullptr;
}

#else
// Without AVX-512 FP16 in the compiler there is no kernel.
const KernelChoice* fp16_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
