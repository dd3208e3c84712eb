// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace steepest::cpu {

// Returns the largest power of two that is at most x, by which numbers are scaled without rounding;
// 1, no scaling, where x is zero, negative, an infinity or a NaN. (base/tensor.h has the same for
// tensors.)
inline float power_of_two(double x) {
  return x > 0 && std::isfinite(x) ? static_cast<float>(std::exp2(std::floor(std::log2(x)))) : 1;
}

}  // namespace steepest::cpu
