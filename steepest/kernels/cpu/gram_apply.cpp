// SPDX-License-Identifier: Apache-2.0
// Takes a panel of rows at a time: its y stays in registers, as the sums of the first product and
// as an operand of the second one. The rows are divided into parts, each with a Z of its own; these
// are added in their order at the end.
#include "steepest/kernels/cpu/gram_apply.h"

#include <algorithm>

#include "steepest/kernels/cpu/instruction_set.h"
#include "steepest/kernels/cpu/row_partition.h"
#include "steepest/kernels/cpu/scratch.h"
#include "steepest/kernels/cpu/work_queue.h"

namespace steepest::cpu {

#if defined(__x86_64__) && defined(__GNUC__)
namespace {

typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));
constexpr int kLine = 16;  // elements in a line of the cache

// v <- the vector at p, which need not be aligned.
template <typename Vector>
[[gnu::always_inline]] inline void load(Vector& v, const float* p) {
  __builtin_memcpy(&v, p, sizeof v);
}
// Writes v to p, which need not be aligned.
template <typename Vector>
[[gnu::always_inline]] inline void store(float* p, const Vector& v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Adds to kRows rows of Y = A X, held in `sum`, the products of kSteps columns of A with as many
// rows of X: sum[i] += sum_k a[i][k] x[k]. The rows of A are `stride` elements apart, a row of X or
// Y is kVectors vectors.
template <typename Vector, int kRows, int kVectors, int kSteps>
[[gnu::always_inline]] inline void add_products(Vector (&sum)[kRows][kVectors], const float* a,
                                                int64_t stride, const float* x) {
  constexpr int kWidth = kVectors * static_cast<int>(sizeof(Vector) / sizeof(float));
#pragma GCC unroll 4
  for (int k = 0; k < kSteps; ++k) {
    Vector row[kVectors];
    for (int v = 0; v < kVectors; ++v) load(row[v], x + k * kWidth + v * kWidth / kVectors);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      for (int v = 0; v < kVectors; ++v) sum[i][v] += a[i * stride + k] * row[v];
  }
}
// Adds to kSteps rows of Z = A^T Y the products of kSteps columns of A with kRows rows of Y, held
// in `sum`: z[k] += sum_i a[i][k] sum[i]. The rows of A are `stride` elements apart, a row of Y or
// Z is kVectors vectors. With several steps as many sums are independent, and none waits for
// another.
template <typename Vector, int kRows, int kVectors, int kSteps>
[[gnu::always_inline]] inline void add_transposed(const Vector (&sum)[kRows][kVectors],
                                                  const float* a, int64_t stride, float* z) {
  constexpr int kWidth = kVectors * static_cast<int>(sizeof(Vector) / sizeof(float));
  Vector to[kSteps][kVectors];
  for (int k = 0; k < kSteps; ++k)
    for (int v = 0; v < kVectors; ++v) load(to[k][v], z + k * kWidth + v * kWidth / kVectors);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 4
    for (int k = 0; k < kSteps; ++k)
      for (int v = 0; v < kVectors; ++v) to[k][v] += a[i * stride + k] * sum[i][v];
  for (int k = 0; k < kSteps; ++k)
    for (int v = 0; v < kVectors; ++v) store(z + k * kWidth + v * kWidth / kVectors, to[k][v]);
}

// Multiplies a panel, kRows rows of A of which `a` is the first: writes their rows of Y = A X to y,
// and adds their share of Z = A^T Y to z [columns, width]. kSteps columns of A are taken at a time.
template <typename Vector, int kRows, int kVectors, int kSteps>
[[gnu::always_inline]] inline void multiply(const GramApply& s, const float* a, float* y,
                                            float* z) {
  constexpr int kLanes = sizeof(Vector) / sizeof(float), kWidth = kVectors * kLanes;
  const int64_t whole = s.columns / kSteps * kSteps;
  Vector sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < whole; k += kSteps) {
    if (k % kLine == 0)  // the processor prefetches fewer rows by itself
      for (int i = 0; i < kRows; ++i) __builtin_prefetch(a + i * s.columns + k + 8 * kLine);
    add_products<Vector, kRows, kVectors, kSteps>(sum, a + k, s.columns, s.x + k * kWidth);
  }
  for (int64_t k = whole; k < s.columns; ++k)
    add_products<Vector, kRows, kVectors, 1>(sum, a + k, s.columns, s.x + k * kWidth);
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
    for (int v = 0; v < kVectors; ++v) store(y + i * kWidth + v * kLanes, sum[i][v]);
  for (int64_t k = 0; k < whole; k += kSteps)
    add_transposed<Vector, kRows, kVectors, kSteps>(sum, a + k, s.columns, z + k * kWidth);
  for (int64_t k = whole; k < s.columns; ++k)
    add_transposed<Vector, kRows, kVectors, 1>(sum, a + k, s.columns, z + k * kWidth);
}

// The kernels, by the columns of X that they take (kWidth). A panel has kRows rows of A, as many as
// the registers hold sums for.
struct Narrow {
  static constexpr int kRows = 8, kWidth = 8;
  // Called by apply_part(): multiplies kRows rows of A, the first at `a`, for an X of 8 columns,
  // for AVX2. Writes their rows of Y = A X to y and adds their share of Z = A^T Y to z.
  template <int kRows>
  [[gnu::target("avx2,fma")]] static void panel(const GramApply& s, const float* a, float* y,
                                                float* z) {
    multiply<Eight, kRows, 1, 1>(s, a, y, z);
  }
};
struct Wide {
  static constexpr int kRows = 6, kWidth = 16;
  // Called by apply_part(): multiplies kRows rows of A, the first at `a`, for an X of 16 columns,
  // for AVX2. Writes their rows of Y = A X to y and adds their share of Z = A^T Y to z.
  template <int kRows>
  [[gnu::target("avx2,fma")]] static void panel(const GramApply& s, const float* a, float* y,
                                                float* z) {
    multiply<Eight, kRows, 2, 1>(s, a, y, z);
  }
};
struct Wide512 {
  static constexpr int kRows = 8, kWidth = 16;
  // Called by apply_part(): multiplies kRows rows of A, the first at `a`, for an X of 16 columns,
  // for AVX-512. Writes their rows of Y = A X to y and adds their share of Z = A^T Y to z.
  template <int kRows>
  [[gnu::target("avx512f")]] static void panel(const GramApply& s, const float* a, float* y,
                                               float* z) {
    multiply<Sixteen, kRows, 1, 4>(s, a, y, z);
  }
};

// Multiplies the rows [begin, end) of A by the kernel Kind (Narrow, Wide or Wide512): writes their
// rows of Y to s.y, and their own share of Z = A^T Y [columns, width] to z, which is overwritten.
template <typename Kind>
void apply_part(const GramApply& s, int64_t begin, int64_t end, float* z) {
  std::fill_n(z, s.columns * Kind::kWidth, 0.0f);
  int64_t i = begin;
  for (; i + Kind::kRows <= end; i += Kind::kRows)
    Kind::template panel<Kind::kRows>(s, s.a + i * s.columns, s.y + i * Kind::kWidth, z);
  for (; i < end; ++i) Kind::template panel<1>(s, s.a + i * s.columns, s.y + i * Kind::kWidth, z);
}

}  // namespace

bool has_gram_apply() { return has_avx2(); }
// Wide blocks fill AVX-512's 32 registers, narrow ones AVX2's 16.
int64_t native_block_width() { return has_avx512() ? kWideBlock : kNarrowBlock; }

void gram_apply(const GramApply& s) {
  constexpr int64_t kPanel = 24;  // rows: a multiple of every kind's kRows
  const int64_t size = s.columns * s.width;
  const auto [parts, rows] = partition_rows(s.rows, kPanel);
  auto* const others = scratch<float>(Scratch::partial_sums, (parts - 1) * size + 1);
  const auto z = [&](int64_t i) { return i == 0 ? s.z : others + (i - 1) * size; };
  run_queue(parts, [&, rows = rows](int64_t i) {
    const int64_t begin = std::min(i * rows, s.rows), end = std::min(begin + rows, s.rows);
    const auto run = s.width == kNarrowBlock ? apply_part<Narrow>
                     : has_avx512()          ? apply_part<Wide512>
                                             : apply_part<Wide>;
    run(s, begin, end, z(i));
  });
  for (int64_t i = 1; i < parts; ++i) {
    const float* const part = z(i);
    for (int64_t k = 0; k < size; ++k) s.z[k] += part[k];
  }
}

#else
// Compiled for other processors, or by other compilers, than those above: there is no gram_apply().
bool has_gram_apply() { return false; }
// Without AVX-512 the narrow width; nothing is multiplied, as there is no gram_apply().
int64_t native_block_width() { return kNarrowBlock; }
// Never called, as has_gram_apply() is false.
void gram_apply(const GramApply&) {}
#endif

}  // namespace steepest::cpu
