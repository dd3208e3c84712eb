// SPDX-License-Identifier: Apache-2.0
// The two products of gram_apply() in float16, on the panels that fp16_gram_apply.cpp has rounded:
// sixteen rows, or sixteen lanes of steps, at a time. A step is a column of A, and with it a row of
// X and of Z.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "steepest/kernels/cpu/fp16.h"
#include "steepest/kernels/cpu/power_of_two.h"
#include "steepest/kernels/cpu/reduce.h"

namespace steepest::cpu {

#if STEEPEST_HAS_FP16

constexpr int64_t kPanel = 32;             // rows of a panel
constexpr int64_t kChunk = 256;            // steps of a chunk
constexpr int64_t kChunkRow = kChunk * 2;  // bytes of a chunk's row
constexpr int64_t kGroup = 16;             // rows, or lanes, whose sums are in as many registers
constexpr int64_t kRegister = 64;          // bytes of a register: a row of lanes, a line of cache
constexpr int64_t kPiece = 32;             // elements that are rounded to one register
constexpr int64_t kWhole = 64;             // the steps are filled up with zeros to a multiple of it
constexpr double kYNorm = 200;             // |Y|_F of a panel as scaled, far from float16's ends

// Returns `columns` rounded up to a multiple of kWhole: how many columns a packed panel has, with
// the zeros that fill it.
inline int64_t filled(int64_t columns) { return (columns + kWhole - 1) / kWhole * kWhole; }

// Returns sum_i x_i^2 of n elements, in float64.
inline double square_of(const float* x, int64_t n) {
  double sum = 0;
  inner_products(x, x, 1, n, &sum);
  return sum;
}

typedef uint16_t Order __attribute__((vector_size(64)));
typedef uint64_t LongWords __attribute__((vector_size(64)));
typedef float Eight __attribute__((vector_size(32)));

// The products of an X with kWidth columns: a lane has kParts steps.
template <int64_t kWidth>
struct Lanes {
  static constexpr int64_t kParts = 32 / kWidth, kBytes = 2 * kParts;
  static constexpr int64_t kSteps = kGroup * kParts;
  static constexpr int64_t kLines = kParts / 2;  // cache lines of A for one register of x
  using Lane = std::conditional_t<kWidth == 16, uint32_t, uint64_t>;
  using AsLanes = std::conditional_t<kWidth == 16, Words, LongWords>;
  using Row = std::conditional_t<kWidth == 16, Sixteen, Eight>;

  // Returns a register whose every lane (32 or 64 bits) holds the kParts float16 at `from`,
  // neighbours in one row of A.
  STEEPEST_FP16 [[gnu::always_inline]] static Halves repeated(const std::byte* from) {
    Lane lane;
    __builtin_memcpy(&lane, from, sizeof lane);
    return same_bits<Halves>(AsLanes{} + lane);
  }

  // Returns the sum of the kParts float16 in each lane, as a vector of kWidth float32: a row of the
  // product Y = A X. The upper parts are shifted down and added, and the lowest part of each lane
  // is kept.
  STEEPEST_FP16 [[gnu::always_inline]] static Row added_up(Halves sum) {
    for (int64_t bits = 16; bits < 16 * kParts; bits *= 2) {
      const auto lanes = same_bits<AsLanes>(sum);
      sum += same_bits<Halves>(lanes >> bits);
    }
    const auto lanes = same_bits<__m512i>(sum);
    if constexpr (kWidth == 16) {
      const __m256i low = _mm512_maskz_cvtepi32_epi16(0xffff, lanes);
      return to_float32(same_bits<EightWords>(low));
    } else {
      const __m128i low = _mm512_maskz_cvtepi64_epi16(0xff, lanes);
      return same_bits<Row>(_mm256_maskz_cvtph_ps(0xff, low));
    }
  }

  // Rounds scale x, for x [columns, kWidth], to float16 and writes it to `to`, with zero rows up to
  // filled(columns): a register for each kParts rows, of which lane j has the elements in column j.
  STEEPEST_FP16 static void pack_x(const float* x, int64_t columns, float scale, std::byte* to) {
    Order order;
    for (int64_t i = 0; i < 32; ++i)
      order[i] = static_cast<uint16_t>(i % kParts * kWidth + i / kParts);
    for (int64_t k = 0; k < filled(columns); k += kParts, to += kRegister) {
      const float* from = x + k * kWidth;
      float last[kPiece] = {};
      if (k + kParts > columns) {
        if (k < columns) std::copy(from, x + columns * kWidth, last);
        from = last;
      }
      const auto rows = same_bits<Order>(rounded_row(from, scale));
      const Order lanes = __builtin_shuffle(rows, order);
      __builtin_memcpy(to, &lanes, sizeof lanes);
    }
  }

  // Rounds scale y, for y [rows, kWidth], to float16 and writes it to `to`: a register for each
  // row, whose lane j repeats the element in column j kParts times. Returns the scale, chosen to
  // bring |y| to kYNorm. It reads up to 16 elements beyond y.
  STEEPEST_FP16 static float pack_y(const float* y, int64_t rows, std::byte* to) {
    Order order;
    for (int64_t i = 0; i < 32; ++i) order[i] = static_cast<uint16_t>(i / kParts);
    const float scale = power_of_two(kYNorm / std::sqrt(square_of(y, rows * kWidth)));
    for (int64_t i = 0; i < rows; ++i) {
      const EightWords row = rounded(y + i * kWidth, scale);
      Order lanes = {};
      __builtin_memcpy(&lanes, &row, sizeof row);
      lanes = __builtin_shuffle(lanes, order);
      __builtin_memcpy(to + i * kRegister, &lanes, sizeof lanes);
    }
    return scale;
  }

  // y += A x for y [16, kWidth], 16 rows of A, the first of them at `a`, and `lanes` registers of x
  // as packed by pack_x(): up to a chunk, as kChunkRow bytes lie between rows of A. `ahead` is
  // where the next elements of A are prefetched.
  STEEPEST_FP16 static void first_product(const std::byte* a, const std::byte* x, int64_t lanes,
                                          float* y, const std::byte* ahead) {
    Halves sum[kGroup] = {};
    for (int64_t p = 0; p < lanes; ++p, x += kRegister) {
      for (int64_t l = 0; l < kLines; ++l, ahead += kRegister) __builtin_prefetch(ahead);
      const auto row = load<Halves>(x);
#pragma GCC unroll 16
      for (int i = 0; i < kGroup; ++i) sum[i] += repeated(a + i * kChunkRow + p * kBytes) * row;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kGroup; ++i) {
      const Row now = load<Row>(y + i * kWidth) + added_up(sum[i]);
      __builtin_memcpy(y + i * kWidth, &now, sizeof now);
    }
  }

  // z += factor A^T y for kSteps columns of A, the first of them at `a`, and `rows` rows of y as
  // packed by pack_y(). In z, as in x, the kParts elements of a lane lie together. `ahead` is where
  // the next elements of A are prefetched.
  STEEPEST_FP16 static void second_product(const std::byte* a, const std::byte* y, int64_t rows,
                                           float factor, float* z, const std::byte* ahead) {
    Halves sum[kGroup] = {};
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t l = 0; l < kLines; ++l, ahead += kRegister) __builtin_prefetch(ahead);
      const auto row = load<Halves>(y + i * kRegister);
#pragma GCC unroll 16
      for (int p = 0; p < kGroup; ++p) sum[p] += repeated(a + i * kChunkRow + p * kBytes) * row;
    }
#pragma GCC unroll 16
    for (int p = 0; p < kGroup; ++p) {
      const auto words = same_bits<Words>(sum[p]);
      float* const to = z + static_cast<int64_t>(p) * 32;
      const Sixteen first = load<Sixteen>(to) + factor * to_float32(lower(words)),
                    second = load<Sixteen>(to + 16) + factor * to_float32(upper(words));
      __builtin_memcpy(to, &first, sizeof first);
      __builtin_memcpy(to + 16, &second, sizeof second);
    }
  }
};

#endif

}  // namespace steepest::cpu
