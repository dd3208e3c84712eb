// SPDX-License-Identifier: Apache-2.0
// Y = A X and Z = A^T Y (= A^T A X) in one reading of A. For a few columns either product waits for
// memory: here a row of A is used for both of them while it is in the cache, which no pair of BLAS
// calls does.
#pragma once

#include <cstddef>
#include <cstdint>

namespace steepest::cpu {

// The columns that X may have: one block.
constexpr int64_t kNarrowBlock = 8, kWideBlock = 16;
// Returns the number of columns of X, kWideBlock or kNarrowBlock, at which gram_apply() is fastest
// on this processor, as its registers hold all sums: the wide one with AVX-512, looked up at run
// time, the narrow one without, or where the library is not compiled for x86-64. gram_apply() takes
// X of either width.
int64_t native_block_width();

// The operands, all row-major.
struct GramApply {
  const float* a = nullptr;  // [rows, columns]
  int64_t rows = 0, columns = 0;
  int64_t width = 0;         // kNarrowBlock or kWideBlock
  const float* x = nullptr;  // [columns, width]
  float* y = nullptr;        // [rows, width]
  float* z = nullptr;        // [columns, width]
};

// Whether the processor has AVX2 and FMA, which gram_apply() needs.
bool has_gram_apply();

// Writes Y = A X and Z = A^T Y to operands.y and operands.z, with the same bits on any number of
// threads. It needs has_gram_apply().
void gram_apply(const GramApply& operands);

// A matrix A rounded to float16, for the same products by AVX-512 FP16: an element of Y is off by
// about 1e-4 |a_i| |x_j|, one of Z by as much of |a_k| |y_j|. The copy lies in this thread's
// scratch memory, so that only one HalfMatrix may exist at a time.
class HalfMatrix {
 public:
  // Whether the processor has AVX-512 FP16, and the copy would not be too large.
  static bool is_supported(int64_t rows, int64_t columns);

  // a [rows, columns] row-major; it has to live until the first product, which rounds it.
  HalfMatrix(const float* a, int64_t rows, int64_t columns);

  // x and z [columns, width], y [rows, width]. False, with y and z of no use, where the elements of
  // A are not finite, or too unlike each other for float16's range.
  bool gram_apply(int64_t width, const float* x, float* y, float* z);

 private:
  // Computes gram_apply() for X of kWidth columns.
  template <int64_t kWidth>
  bool run(const GramApply& operands);

  const float* a_ = nullptr;  // nullptr once it is rounded
  std::byte* rounded_ = nullptr;
  int64_t rows_ = 0, columns_ = 0;
  float scale_ = 1;
};

}  // namespace steepest::cpu
