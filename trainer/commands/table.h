// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace steepest::trainer {

// Returns the rows, all of the same number of words, as lines of text: each column as wide as its
// widest word, and two blanks between columns. Words are aligned to the left, in the columns from
// number `numbers` on to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    size_t numbers = static_cast<size_t>(-1));

}  // namespace steepest::trainer
