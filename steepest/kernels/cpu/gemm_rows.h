// SPDX-License-Identifier: Apache-2.0
// What is left to do for the rows of a product C once all steps are summed: the scale, the matrices
// that are added, and the mirroring of a symmetric C.
#pragma once

#include <algorithm>
#include <cstdint>

namespace steepest::cpu {

// Rows of C, and of the D and E that are added to them.
struct Rows {
  float* c;
  const float *d, *e;  // e may be nullptr, or both
  int64_t c_stride, stride;
  int64_t first, count;  // the rows [first, first + count) of the matrix
  int64_t width;
  // Only the lower triangle: a row ends behind its diagonal element, at a whole vector, up to which
  // the tiles have filled it.
  bool triangle;
  float alpha, beta, epsilon;

  // Returns how many elements of row i are combined: all, or in a triangle those up to the
  // diagonal, rounded up to whole vectors.
  int64_t width_of(int64_t i) const {
    return triangle ? std::min(width, (i + kVector) / kVector * kVector) : width;
  }
  static constexpr int64_t kVector = 16;
};

// C <- alpha C + beta D + epsilon E for these rows. Returns the sum of their squares; for rows of a
// triangle that of the whole symmetric matrix, up to twice as much, as the elements beyond the
// diagonal in its last vector count too, but with the exact part of the diagonal.
double combine_rows(const Rows& rows);

// Copies the rows [begin, end) of the lower triangle of the square matrix c, whose rows are
// `stride` elements apart, to columns of the upper one. begin is a multiple of 16, the side of the
// squares that are transposed at a time.
void mirror_rows(float* c, int64_t stride, int64_t begin, int64_t end);

}  // namespace steepest::cpu
