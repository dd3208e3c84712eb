// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace steepest::trainer {

// The rows, of as many words each, as lines: each column as wide as its widest word, and two blanks
// between columns. The columns from number `numbers` on stand to the right, as numbers do.
std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    size_t numbers = static_cast<size_t>(-1));

}  // namespace steepest::trainer
