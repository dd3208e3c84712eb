// SPDX-License-Identifier: Apache-2.0
// How the rows of a matrix are divided among threads: by their number alone, so that the bits of a
// sum over the parts are the same on any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace steepest::cpu {

// Part i has the rows [i * rows, (i + 1) * rows), as far as there are so many.
struct RowPartition {
  int64_t count, rows;
};

// Divides so many rows of a matrix into up to 8 parts of about 128 rows or more, which threads take
// one by one. Returns the number of parts and the rows of each, a multiple of `panel`, the rows
// that the caller's loop takes at a time; the last parts may have fewer rows, or none.
inline RowPartition partition_rows(int64_t rows, int64_t panel) {
  constexpr int64_t kMinRows = 128, kMaxParts = 8;
  const int64_t count = std::clamp<int64_t>(rows / kMinRows, 1, kMaxParts), step = count * panel;
  return {count, (rows + step - 1) / step * panel};
}

}  // namespace steepest::cpu
