// SPDX-License-Identifier: Apache-2.0
// A tensor that a norm, a transform or a decay keeps for every matrix [r, c] from step to step.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

struct Slot {
  // Of one matrix: [r, c], [r], [c], [r, r], [c, c], [c, n], [r, n], [n, n], []; n = count.
  enum class Shape { entries, rows, columns, left, right, basis, left_basis, square, scalar };
  enum class Start { zero, identity, weight };

  std::string name;  // the key in state_dict: torch's where torch has one
  Shape shape = Shape::entries;
  int64_t count = 0;
  Start start = Start::zero;

  std::vector<int64_t> sizes(int64_t rows, int64_t cols) const;
  // Slots of entries are stored in the parameter's shape, as torch's are; all others flat, matrix
  // after matrix.
  bool like_param() const { return shape == Shape::entries; }
};

}  // namespace steepest
