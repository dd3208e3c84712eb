// SPDX-License-Identifier: Apache-2.0
// AMX has eight tiles of 16 rows of 64 bytes. Two by two of them hold 32 x 32 sums; two hold 32
// steps of A, and two the same steps of B, so that four loads feed four products:
//   tile of A   [16 rows of C] [16 pairs of steps]
//   tile of B   [16 pairs of steps] [16 columns of C]
// A pair is two bfloat16 in 32 bits, so that a tile of B is the transpose, pair by pair, of a tile
// of A with the same elements, and either operand may lie by rows or by columns (Intel's Software
// Developer's Manual, vol. 1, chapter 18).

#include <bit>
#include <initializer_list>

#include "steepest/kernels/cpu/every_cpu.h"
#include "steepest/kernels/cpu/gemm_kernel.h"

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

constexpr int64_t kSide = 16;      // rows, and pairs in a row
constexpr int64_t kUnit = 32;      // steps
constexpr int64_t kRowBytes = 64;  // a row of a tile
constexpr int64_t kTileBytes = kSide * kRowBytes;

struct alignas(64) TileShapes {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t bytes_per_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
constexpr TileShapes kShapes;

// Names of tiles are part of the instruction.
#define LOAD(tile, from, stride)                                                                 \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(from), "r"(static_cast<int64_t>(stride)) \
               : "memory")
#define STORE(tile, to, stride)                                                                    \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(to), "r"(static_cast<int64_t>(stride)) \
               : "memory")
#define MULTIPLY(sum, a, b) asm volatile("tdpbf16ps %tmm" #b ", %tmm" #a ", %tmm" #sum)
#define ZERO(tile) asm volatile("tilezero %tmm" #tile)

// Multiplies `steps` packed steps (values of k), a multiple of 32, of a panel of A and one of B, in
// bfloat16: c[i][j] = sum_k a[k][i] b[k][j] for 32 x 32 float32 elements of C, whose rows are
// `stride` elements apart; with kAdd the sums are added to c. Tiles 0 to 3 hold the sums, 4 and 5
// those of A, 6 and 7 those of B. The stride of A, which has no name, is always the panel's.
template <bool kAdd>
[[gnu::target("amx-tile,amx-bf16")]] void multiply(const std::byte* a, int64_t, const std::byte* b,
                                                   int64_t steps, float* c, int64_t stride) {
  const int64_t row = stride * static_cast<int64_t>(sizeof(float));
  // The shapes of the tiles are configured at each call, as oneDNN releases what it finds.
  asm volatile("ldtilecfg %0" ::"m"(kShapes));
  float* const below = c + kSide * stride;
  if constexpr (kAdd) {
    LOAD(0, c, row);
    LOAD(1, c + kSide, row);
    LOAD(2, below, row);
    LOAD(3, below + kSide, row);
  } else {
    ZERO(0);
    ZERO(1);
    ZERO(2);
    ZERO(3);
  }
  for (int64_t k = 0; k < steps; k += kUnit) {
    LOAD(4, a, kRowBytes);
    LOAD(6, b, kRowBytes);
    LOAD(7, b + kTileBytes, kRowBytes);
    MULTIPLY(0, 4, 6);
    MULTIPLY(1, 4, 7);
    LOAD(5, a + kTileBytes, kRowBytes);
    MULTIPLY(2, 5, 6);
    MULTIPLY(3, 5, 7);
    a += 2 * kTileBytes;
    b += 2 * kTileBytes;
  }
  STORE(0, c, row);
  STORE(1, c + kSide, row);
  STORE(2, below, row);
  STORE(3, below + kSide, row);
  asm volatile("tilerelease");
}

// Returns bits of which the upper 16 are x rounded to the nearest bfloat16, ties to even; the lower
// 16 are of no use.
inline uint32_t rounded(float x) {
  const auto bits = std::bit_cast<uint32_t>(x);
  const uint32_t up = bits + 0x7fff + ((bits >> 16) & 1);
  return (bits & 0x7fffffff) > 0x7f800000 ? bits | 0x400000 : up;  // a NaN stays one
}
// Returns two neighbouring steps of a row, rounded to bfloat16, in the order in which AMX reads
// them: `first` in the lower 16 bits, `second` in the upper ones.
inline uint32_t pair(float first, float second) {
  return rounded(first) >> 16 | (rounded(second) & 0xffff0000);
}

// Writes the tile [16, 16] of pairs tile[r][d] = (x[r][2 d], x[r][2 d + 1]), rounded to bfloat16,
// of x [16, 32], whose rows are contiguous and row_stride elements apart: a row of the tile is one
// of x, as AMX reads the left operand A.
STEEPEST_EVERY_CPU void pairs_along(const float* x, int64_t row_stride, uint32_t* tile) {
  for (int64_t r = 0; r < kSide; ++r) {
    const float* const row = x + r * row_stride;
    for (int64_t d = 0; d < kSide; ++d) tile[r * kSide + d] = pair(row[2 * d], row[2 * d + 1]);
  }
}
// Writes the tile [16, 16] of pairs tile[d][r] = (x[r][2 d], x[r][2 d + 1]), rounded to bfloat16,
// of x [16, 32], whose columns are contiguous and column_stride elements apart: a row of the tile
// is a pair of x's columns, as AMX reads the right operand B.
STEEPEST_EVERY_CPU void pairs_across(const float* x, int64_t column_stride, uint32_t* tile) {
  for (int64_t d = 0; d < kSide; ++d) {
    const float *const even = x + 2 * d * column_stride, *const odd = even + column_stride;
    for (int64_t r = 0; r < kSide; ++r) tile[d * kSide + r] = pair(even[r], odd[r]);
  }
}
// Writes the transpose of the 16 x 16 pairs in `from` to `to`, which is other memory.
STEEPEST_EVERY_CPU void transpose(const uint32_t* from, uint32_t* to) {
  for (int64_t r = 0; r < kSide; ++r)
    for (int64_t d = 0; d < kSide; ++d) to[d * kSide + r] = from[r * kSide + d];
}
// Writes the tile [16, 16] of pairs tile[r][d] = (x[r][2 d], x[r][2 d + 1]), rounded to bfloat16,
// two a word, at the edge of a matrix: x has only `rows` rows and `steps` columns from here on, and
// counts as 0 beyond them.
void pairs_of_edge(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
                   int64_t steps, uint32_t* tile) {
  const auto at = [&](int64_t r, int64_t k) {
    return r < rows && k < steps ? x[r * row_stride + k * column_stride] : 0.0f;
  };
  for (int64_t r = 0; r < kSide; ++r)
    for (int64_t d = 0; d < kSide; ++d) tile[r * kSide + d] = pair(at(r, 2 * d), at(r, 2 * d + 1));
}

// Rounds 16 rows and 32 columns of x to bfloat16 and writes them to `tile`, 16 x 16 words of two
// elements each, in columns 2 d and 2 d + 1 of one row. With kRowsFirst it is tile[r][d], as AMX
// reads A; else tile[d][r], as it reads B. From where x begins it has `rows` rows and `steps`
// columns; the tile is 0 beyond them.
template <bool kRowsFirst>
void pack_tile(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows,
               int64_t steps, uint32_t* tile) {
  const bool whole = rows >= kSide && steps >= kUnit;
  const bool along = column_stride == 1, across = row_stride == 1;
  if (whole && (kRowsFirst ? along : across)) {
    return kRowsFirst ? pairs_along(x, row_stride, tile) : pairs_across(x, column_stride, tile);
  }
  alignas(64) uint32_t other[kSide * kSide];
  if (whole && (kRowsFirst ? across : along)) {
    kRowsFirst ? pairs_across(x, column_stride, other) : pairs_along(x, row_stride, other);
    return transpose(other, tile);
  }
  pairs_of_edge(x, row_stride, column_stride, rows, steps, kRowsFirst ? tile : other);
  if (!kRowsFirst) transpose(other, tile);
}

// Packs `rows` <= 32 rows and `steps` columns of x, rounded to bfloat16 and two a word, into the
// panel `to`, with zeros up to 32 rows and a multiple of 32 columns: for each 32 columns the two
// tiles of 16 rows, as pack_tile() writes them. The scale, which has no name, is for float16's
// kernel: bfloat16 has float32's range.
template <bool kRowsFirst>
void pack(const float* x, int64_t row_stride, int64_t column_stride, int64_t rows, int64_t steps,
          float, std::byte* to) {
  auto* tile = reinterpret_cast<uint32_t*>(to);
  for (int64_t k = 0; k < steps; k += kUnit) {
    for (const int64_t r : {int64_t{0}, kSide}) {
      const float* const from = x + r * row_stride + k * column_stride;
      pack_tile<kRowsFirst>(from, row_stride, column_stride, rows - r, steps - k, tile);
      tile += kSide * kSide;
    }
  }
}

}  // namespace

// Returns the kernel for operands in bfloat16 by AMX, with sums in float32; it may only run where
// has_amx(). Of B, 384 steps of 32 columns are 24 KiB, which stay in the first cache.
const KernelChoice* amx_kernel() {
  static const KernelChoice choice{.name = "AMX",
                                   .operands = c10::kBFloat16,
                                   .error = 3e-3,
                                   .min_rows = 128,
                                   .left_by_rows = true,
                                   .rows = 32,
                                   .columns = 32,
                                   .a_width = 32,
                                   .depth = 384,
                                   .unit = kUnit,
                                   .bytes = 2,
                                   .tile_bytes = 2 * kTileBytes,
                                   .store = multiply<false>,
                                   .add = multiply<true>,
                                   .pack_a = pack<true>,
                                   .pack_b = pack<false>};
  return &choice;
}

#else
// Without AMX in the compiler there is no kernel.
const KernelChoice* amx_kernel() { return nullptr; }
#endif

}  // namespace steepest::cpu
