// SPDX-License-Identifier: Apache-2.0
#include "steepest/options/options.h"

#include <algorithm>
#include <cmath>

namespace steepest {

const Option* find_option(const std::string& name) {
  const auto& all = options();
  const auto found = std::ranges::find(all, name, &Option::name);
  return found == all.end() ? nullptr : &*found;
}

bool Option::is_said(const Overrides& overrides) const {
  return std::visit([&](auto field) { return (overrides.*field).has_value(); }, said);
}

bool Range::holds(double value) const {
  return std::isfinite(value) && (low_open ? value > low : value >= low) &&
         (high_open ? value < high : value <= high);
}

bool Range::bounded() const { return std::isfinite(low) || std::isfinite(high); }

const std::vector<std::string>& names_of(Scope) {
  static const std::vector<std::string> names = {"network", "both", "momentum", "matrix", "backup"};
  return names;
}

const std::vector<std::string>& names_of(MayChange) {
  static const std::vector<std::string> names = {"never", "in_state_dict", "in_file", "in_run"};
  return names;
}

}  // namespace steepest
