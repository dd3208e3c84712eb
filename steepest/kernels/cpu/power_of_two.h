// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>

namespace steepest::cpu {

// The largest power of two up to x: to multiply by it rounds nothing. 1 for what is no scale: zero,
// an infinity, a NaN.
inline float power_of_two(double x) {
  return x > 0 && std::isfinite(x) ? static_cast<float>(std::exp2(std::floor(std::log2(x)))) : 1;
}

}  // namespace steepest::cpu
