// SPDX-License-Identifier: Apache-2.0
#include "trainer/units.h"

#include <cstdio>
#include <iterator>

namespace steepest::trainer {

std::string with_unit(double number, const std::string& unit) {
  const char* prefixes[] = {"", "k", "M", "G", "T", "P", "E"};
  size_t i = 0;
  for (; number >= 999.5 && i + 1 < std::size(prefixes); ++i) number /= 1000;
  char text[32];
  std::snprintf(text, sizeof text, "%.3g ", number);
  return text + (prefixes[i] + unit);
}

}  // namespace steepest::trainer
