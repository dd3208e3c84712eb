// SPDX-License-Identifier: Apache-2.0
// A value of each option that is not its default, with what it needs beside it, for tests that take
// every option of the table through a face.
#pragma once

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "steepest/options/options.h"

namespace steepest::test {

// What an option means nothing without, or is refused without.
inline const std::map<std::string, nlohmann::json>& companions() {
  static const std::map<std::string, nlohmann::json> all = {
      {"dampening", {{"momentum_form", "heavy_ball"}}},
      {"error_feedback", {{"norm", "nuclear"}}},
      {"lr_auto", {{"step_size", "momo"}}},
      {"polar_coefficients", {{"polar", "custom"}}},
      {"polar_tol", {{"polar", "auto"}}},
      {"polar_low", {{"polar", "auto"}}},
      {"polar_restarts", {{"polar", "gram_jordan"}}}};
  return all;
}

// `plain`: the option's value in the table, which the one returned is not.
inline nlohmann::json another_value(const Option& option, const nlohmann::json& plain) {
  const auto& allowed = option.allowed;
  for (const auto& texts : {allowed.names, allowed.examples}) {
    for (const auto& text : texts)
      if (text != plain) return text;
  }
  if (plain.is_boolean()) return !plain.get<bool>();
  if (std::holds_alternative<SaidAs<std::vector<double>>>(option.said)) return {2.0, -1.5, 0.5};
  if (std::holds_alternative<SaidAs<std::vector<int64_t>>>(option.said)) return {2};
  if (std::holds_alternative<SaidAs<int64_t>>(option.said)) return 7;
  return 0.0625;
}

}  // namespace steepest::test
