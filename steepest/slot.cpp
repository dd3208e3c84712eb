// SPDX-License-Identifier: Apache-2.0
#include "steepest/slot.h"

namespace steepest {

// Returns the sizes of the tensor that is kept for one matrix [rows, cols], by the slot's shape; an
// empty list for a single number.
std::vector<int64_t> Slot::sizes(int64_t rows, int64_t cols) const {
  switch (shape) {
    case Shape::entries:
      return {rows, cols};
    case Shape::rows:
      return {rows};
    case Shape::columns:
      return {cols};
    case Shape::left:
      return {rows, rows};
    case Shape::right:
      return {cols, cols};
    case Shape::basis:
      return {cols, count};
    case Shape::left_basis:
      return {rows, count};
    case Shape::square:
      return {count, count};
    case Shape::scalar:
      break;
  }
  return {};
}

}  // namespace steepest
