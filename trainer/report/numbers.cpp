// SPDX-License-Identifier: Apache-2.0
#include "trainer/report/numbers.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace steepest::trainer {
namespace {

// Returns the number by printf's format, which takes `decimals` and the number.
std::string printed(const char* format, int decimals, double number, bool plus) {
  if (std::isnan(number)) return "–";
  char text[400];  // 1e308 has 309 digits before its point
  std::snprintf(text, sizeof text, format, decimals, std::fabs(number));
  const bool zero = std::string(text).find_first_of("123456789") == std::string::npos;
  const std::string digits = std::isinf(number) ? "∞" : text;
  if (zero && std::isfinite(number)) return digits;
  return (number < 0 ? "−" : plus ? "+" : "") + digits;
}

}  // namespace

int decimals_for(double half_width) {
  if (!(half_width > 0) || std::isinf(half_width)) return 3;
  return static_cast<int>(std::clamp(std::ceil(std::log10(5 / half_width)), 0., 6.));
}

int decimals_of(double number) {
  const double size = std::fabs(number);
  return size < 10 || !std::isfinite(size) ? 3 : size < 100 ? 2 : size < 1000 ? 1 : 0;
}

std::string decimal_text(double number, int decimals, bool plus) {
  return printed("%.*f", decimals, number, plus);
}

std::string short_text(double number) { return printed("%.*g", 4, number, /*plus=*/false); }

}  // namespace steepest::trainer
