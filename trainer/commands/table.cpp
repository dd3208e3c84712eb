// SPDX-License-Identifier: Apache-2.0
#include "trainer/commands/table.h"

#include <algorithm>

namespace steepest::trainer {

std::string aligned(const std::vector<std::vector<std::string>>& rows, size_t numbers) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const bool last = i + 1 == row.size();
      const std::string blanks(widths[i] - row[i].size(), ' ');
      text += i >= numbers ? blanks + row[i] : last ? row[i] : row[i] + blanks;
      text += last ? "\n" : "  ";
    }
  }
  return text;
}

}  // namespace steepest::trainer
