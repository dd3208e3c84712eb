// SPDX-License-Identifier: Apache-2.0
// AVX-512 BF16: one instruction, VDPBF16PS, adds two products of bfloat16 to each of sixteen
// float32 sums. The steps go in pairs, both in one 32-bit lane:
//   panel   [pairs of steps] [32 rows] [the pair]
// so that a row of A comes by a broadcast of 32 bits, and a panel of B is two registers a pair. The
// panel of A is the same, which is why one packing serves for both in X X^T.
//
// Operands rounded to bfloat16 cost a product .002 of its norm. The sums lose nothing to speak of.

#include <algorithm>

#include "steepest/kernels/cpu/gemm_kernel.h"
#include "steepest/kernels/cpu/instruction_set.h"
#include "steepest/kernels/cpu/transpose.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#endif

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

#define STEEPEST_BF16 [[gnu::target("avx512bf16,avx512bw,avx512vl")]]

constexpr int64_t kRows = 8, kWidth = 32;  // the size of the tile; a panel has kWidth rows
constexpr int64_t kLanes = 16;             // of a register, each with a pair or a sum
constexpr int64_t kPairBytes = kWidth * static_cast<int64_t>(sizeof(uint32_t));
constexpr int64_t kDepth = 256;

typedef uint16_t Order __attribute__((vector_size(64)));

// Returns the bits of `from` as a value of another type of the same size.
template <typename To, typename From>
STEEPEST_BF16 [[gnu::always_inline]] inline To same_bits(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  __builtin_memcpy(&to, &from, sizeof to);
  return to;
}
// Returns the register that begins at `from`, which need not be aligned.
template <typename Vector>
STEEPEST_BF16 [[gnu::always_inline]] inline Vector load(const void* from) {
  Vector v;
  __builtin_memcpy(&v, from, sizeof v);
  return v;
}

// Multiplies `steps` packed steps (values of k), an even number or filled up to one, of eight rows
// of a panel of A and a panel of B: c[i][j] = sum_k a[k][i] b[k][j] for 8 x 32 float32 elements of
// C, whose rows are `stride` elements apart; with kAdd the sums are added to c. The stride of A,
// which has no name, is always the panel's. With kHalf only the first sixteen columns are computed.
template <bool kAdd, bool kHalf = false>
STEEPEST_BF16 void multiply(const std::byte* a, int64_t, const std::byte* b, int64_t steps,
                            float* c, int64_t stride) {
  constexpr int64_t kRegisters = kHalf ? 1 : 2;
  __m512 sum[kRows][kRegisters] = {};
  for (int64_t k = 0; k < steps; k += 2) {
    const auto left = load<__m512bh>(b), right = load<__m512bh>(b + kPairBytes / 2);
#pragma GCC unroll 8
    for (int64_t i = 0; i < kRows; ++i) {
      const auto pair = load<int32_t>(a + i * static_cast<int64_t>(sizeof(int32_t)));
      const auto x = same_bits<__m512bh>(_mm512_set1_epi32(pair));
      sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, left);
      if constexpr (!kHalf) sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, right);
    }
    a += kPairBytes;
    b += kPairBytes;
  }
#pragma GCC unroll 8
  for (int64_t i = 0; i < kRows; ++i) {
#pragma GCC unroll 2
    for (int64_t j = 0; j < kRegisters; ++j) {
      float* const to = c + i * stride + j * kLanes;
      auto out = same_bits<Sixteen>(sum[i][j]);
      if constexpr (kAdd) out += load<Sixteen>(to);
      __builtin_memcpy(to, &out, sizeof out);
    }
  }
}

// Returns the sixteen elements of `first`, rounded to the nearest bfloat16, and behind them those
// of `second`. The intrinsic is the one with a mask, of all elements: in the form without one, GCC
// 12 sees an uninitialised operand.
STEEPEST_BF16 [[gnu::always_inline]] inline Order rounded(const float* first, const float* second) {
  const auto low = same_bits<__m512>(load<Sixteen>(first));
  const auto high = same_bits<__m512>(load<Sixteen>(second));
  return same_bits<Order>(_mm512_maskz_cvtne2ps_pbh(0xffffffff, high, low));
}

// Packs two columns of the operand, each given as 32 elements that lie side by side (one for each
// row), rounded to bfloat16: 32 words, each with the two columns' elements of one row.
STEEPEST_BF16 [[gnu::always_inline]] inline void pack_pair(const float* first, const float* second,
                                                           std::byte* to) {
  constexpr Order kInTurn = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                             8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#pragma GCC unroll 2
  for (int64_t half = 0; half < kWidth; half += kLanes) {
    const Order pairs = __builtin_shuffle(rounded(first + half, second + half), kInTurn);
    __builtin_memcpy(to + half * static_cast<int64_t>(sizeof(uint32_t)), &pairs, sizeof pairs);
  }
}

// Packs 32 columns of 32 rows of x, rounded to bfloat16, as pack_pair() does for each two columns.
// Each row is contiguous, row_stride elements from the next, so that its 16 pairs of columns fill a
// register: sixteen of these are transposed to have a pair of columns each.
STEEPEST_BF16 void pack_along(const float* x, int64_t row_stride, std::byte* to) {
  for (int64_t half = 0; half < kWidth; half += kLanes) {
    Sixteen row[kLanes];
#pragma GCC unroll 16
    for (int64_t r = 0; r < kLanes; ++r) {
      const float* const from = x + (half + r) * row_stride;
      row[r] = same_bits<Sixteen>(rounded(from, from + kLanes));
    }
    transpose(row);
    std::byte* const column = to + half * static_cast<int64_t>(sizeof(uint32_t));
#pragma GCC unroll 16
    for (int64_t pair = 0; pair < kLanes; ++pair)
      __builtin_memcpy(column + pair * kPairBytes, &row[pair], sizeof(Sixteen));
  }
}

// Packs `rows` <= 32 rows and `steps` columns of x, rounded to bfloat16, into the panel `to`, as
// pack_pair() does for each two columns, with zeros up to 32 rows and an even number of columns.
// Rows, or columns, that are contiguous and whole are read a register at a time, and all others
// element by element. The scale, which has no name, is for float16's kernel: bfloat16 has float32's
// range.
STEEPEST_BF16 void pack(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                        int64_t steps, float, std::byte* to) {
  int64_t k = 0;
  if (rows == kWidth && column_stride == 1) {
    for (; k + kWidth <= steps; k += kWidth, to += kWidth / 2 * kPairBytes)
      pack_along(x + k, row_stride, to);
  } else if (rows == kWidth && row_stride == 1) {
    for (; k + 2 <= steps; k += 2, to += kPairBytes) {
      const float* const from = x + k * column_stride;
      pack_pair(from, from + column_stride, to);
    }
  }
  for (; k < steps; k += 2, to += kPairBytes) {
    float pair[2][kWidth] = {};
    for (int64_t s = k; s < std::min(k + 2, steps); ++s)
      for (int64_t r = 0; r < rows; ++r) pair[s - k][r] = x[r * row_stride + s * column_stride];
    pack_pair(pair[0], pair[1], to);
  }
}

}  // namespace

// Returns the kernel for operands in bfloat16 by AVX-512 BF16; nullptr where the processor has
// none, or STEEPEST_CPU forbids it. Of B, 256 steps of 32 columns are 16 KiB, which stay in the
// first cache.
const KernelChoice* bf16_kernel() {
  static const KernelChoice choice{.name = "BF16",
                                   .operands = c10::kBFloat16,
                                   .error = 3e-3,
                                   .min_rows = 32,
                                   .rows = kRows,
                                   .columns = kWidth,
                                   .a_width = kWidth,
                                   .depth = kDepth,
                                   .unit = 2,
                                   .bytes = 2,
                                   .tile_bytes = kRows * static_cast<int64_t>(sizeof(uint32_t)),
                                   .store = multiply<false>,
                                   .add = multiply<true>,
                                   .store_half = multiply<false, true>,
                                   .add_half = multiply<true, true>,
                                   .pack_a = pack,
                                   .pack_b = pack,
                                   .shares = true};
  const bool is_here = __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw");
  return is_here && is_allowed(InstructionSet::avx512_bf16) ? &choice : nullptr;
}

#else
// Compiled for other processors, or by other compilers, than those above: there is no kernel.
const KernelChoice* bf16_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
