// SPDX-License-Identifier: Apache-2.0
#include "steepest/radius.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include "steepest/base/text.h"

namespace steepest {

namespace {

// Returns the value of one factor of a radius, for the block's matrices (out, in) and the norm of
// this name. `rule` is a rule's name, such as "scion", or a number; returns nothing where it is
// neither, and radius_of() throws. A side of size 0 counts as 1.
std::optional<double> factor_of(std::string_view rule, const Block& block,
                                const std::string& norm) {
  const double out = static_cast<double>(std::max<int64_t>(1, block.rows));
  const double in = static_cast<double>(std::max<int64_t>(1, block.cols));
  const double kernel = static_cast<double>(block.kernel);
  if (rule == "none") return 1;
  if (rule == "original") return std::sqrt(std::max(1.0, out / in));
  if (rule == "match_rms_adamw") return 0.2 * std::sqrt(std::max(out, in));
  if (rule == "spectral_unclamped") return std::sqrt(out / in);
  if (rule == "scion") {
    if (norm == "column") return std::sqrt(out);
    if (norm == "row") return 1 / std::sqrt(in);
    if (norm == "inf") return 1 / in;
    if (norm == "l2" || norm == "frobenius") return std::sqrt(out * in);  // unit root mean square
    return std::sqrt(out / (in / kernel)) / kernel;  // SpectralConv: in counts channels, not taps
  }
  return read_number(rule);
}

}  // namespace

double radius_of(const std::string& rule, const Block& block, const std::string& norm) {
  constexpr size_t kMostFactors = 8;
  const auto check = [&](bool allowed) {
    TORCH_CHECK_VALUE(allowed, "radius: received ", shown(rule),
                      ", allowed none, original, match_rms_adamw, spectral_unclamped, scion, a "
                      "number above 0, or number*rule");
  };
  std::vector<double> factors;
  for (size_t begin = 0; begin <= rule.size();) {
    const size_t end = std::min(rule.find('*', begin), rule.size());
    const auto factor = factor_of(std::string_view(rule).substr(begin, end - begin), block, norm);
    check(factor && std::isfinite(*factor) && *factor > 0 && factors.size() < kMostFactors);
    factors.push_back(*factor);
    begin = end + 1;
  }
  double radius = factors.back();  // from the right, as the product has always been rounded
  for (size_t i = factors.size() - 1; i-- > 0;) radius = factors[i] * radius;
  check(std::isfinite(radius) && radius > 0);
  return radius;
}

}  // namespace steepest
