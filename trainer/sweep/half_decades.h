// SPDX-License-Identifier: Apache-2.0
// The numbers 1, 3, 10, 30, ..: what rates are tried at.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace steepest::trainer {

// Returns half decade number `index`: 1 for 0, 3 for 1, 10 for 2, .3 for -1; the number that its
// decimal text reads as.
double half_decade(int64_t index);

// Returns which half decade the number is; nothing where it is not 1 or 3 times a power of ten.
std::optional<int64_t> half_decade_index(double number);

// Returns every `step`-th half decade from one number to another, both included. Both must be half
// decades, a whole number of steps apart, the first not above the last.
std::vector<double> half_decades(double from, double to, int64_t step);

}  // namespace steepest::trainer
