// SPDX-License-Identifier: Apache-2.0
// What a norm costs, roughly: by it threads and processes share the work.
#pragma once

#include "steepest/block.h"

namespace steepest {

// Estimates the work of a block's norm in multiplications: an entry costs as many as the short
// side, in a product of matrices (0 of a norm that has none), and kPasses more for passing through
// the caches a few times.
inline double estimated_flops(const Block& block, int64_t short_side) {
  constexpr int64_t kPasses = 16;
  return static_cast<double>(block.batch * block.rows * block.cols) *
         static_cast<double>(kPasses + short_side);
}

}  // namespace steepest
