// SPDX-License-Identifier: Apache-2.0
#include "steepest/options/options.h"

#include <algorithm>
#include <cmath>

namespace steepest {

// Returns the option of this name, a pointer into the table, null where there is none.
const Option* find_option(const std::string& name) {
  const auto& all = options();
  const auto found = std::ranges::find(all, name, &Option::name);
  return found == all.end() ? nullptr : &*found;
}

bool Option::is_said(const Overrides& overrides) const {
  return std::visit([&](auto field) { return (overrides.*field).has_value(); }, said);
}

// Whether the value is finite and between the bounds, which belong to the range unless they are
// open.
bool Range::holds(double value) const {
  return std::isfinite(value) && (low_open ? value > low : value >= low) &&
         (high_open ? value < high : value <= high);
}

// Whether there is any bound; without one every finite number is allowed.
bool Range::bounded() const { return std::isfinite(low) || std::isfinite(high); }

// Returns the names of Scope in the order of its enumerators; the argument's value is not used.
const std::vector<std::string>& names_of(Scope) {
  static const std::vector<std::string> names = {"network", "both", "momentum", "matrix", "backup"};
  return names;
}

// Returns the names of MayChange in the order of its enumerators; the argument's value is not used.
const std::vector<std::string>& names_of(MayChange) {
  static const std::vector<std::string> names = {"never", "in_state_dict", "in_file", "in_run"};
  return names;
}

}  // namespace steepest
