// SPDX-License-Identifier: Apache-2.0
#include "trainer/sweep/half_decades.h"

#include <cmath>
#include <string>

#include "steepest/base/text.h"

namespace steepest::trainer {

double half_decade(int64_t index) {
  const bool three = index % 2 != 0;
  const int64_t power = (index - (three ? 1 : 0)) / 2;  // of an even number: exact
  return *read_number(std::string(three ? "3" : "1") + "e" + std::to_string(power));
}

std::optional<int64_t> half_decade_index(double number) {
  if (!(number > 0) || !std::isfinite(number)) return std::nullopt;
  const auto index = static_cast<int64_t>(std::llround(2 * std::log10(number)));
  if (half_decade(index) == number) return index;
  return std::nullopt;
}

std::vector<double> half_decades(double from, double to, int64_t step) {
  std::vector<double> numbers;
  const int64_t last = *half_decade_index(to);
  for (int64_t i = *half_decade_index(from); i <= last; i += step)
    numbers.push_back(half_decade(i));
  return numbers;
}

}  // namespace steepest::trainer
