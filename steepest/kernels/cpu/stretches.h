// SPDX-License-Identifier: Apache-2.0
// How a matrix is cut for the threads: by its size alone, so that the bits are the same on any
// number of them.
#pragma once

#include <algorithm>
#include <cstdint>

namespace steepest::cpu {

// Stretch i has the rows from i * rows on.
struct Stretches {
  int64_t count, rows;
};

// Stretches of whole panels, of so many rows each.
inline Stretches cut(int64_t rows, int64_t panel) {
  constexpr int64_t kLeastRows = 128, kMost = 8;
  const int64_t count = std::clamp<int64_t>(rows / kLeastRows, 1, kMost), step = count * panel;
  return {count, (rows + step - 1) / step * panel};
}

}  // namespace steepest::cpu
