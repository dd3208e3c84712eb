// SPDX-License-Identifier: Apache-2.0
// Everything that a sweep is, as plain fields: what its file comes to.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

namespace steepest::trainer {

using SweepValue = nlohmann::ordered_json;  // a number, a text, a truth value, or a list of these
// Names with values: keys of a run file ("optimizer.lr"), and variables, whose names have no dot
// and which ties alone read.
using Settings = std::vector<std::pair<std::string, SweepValue>>;

// Something that takes several values.
struct Axis {
  std::string name;
  std::vector<SweepValue> values;
  int64_t step = 0;  // half decades from a value to the next, where the grid may grow; 0: a list
};

// One of the things that are compared: settings, what varies, and what is tuned.
struct Arm {
  std::string name;
  Settings set;
  std::vector<Axis> axes;  // every combination is a row of the report
  std::vector<Axis> tune;  // of which each row gets the best combination
  // Keys that follow from others: "ratio * optimizer.lr", or "run(reg)", the folder of that arm's
  // run, or "run(reg, next)", that of the next seed.
  std::vector<std::pair<std::string, std::string>> ties;
  std::vector<std::pair<std::string, std::string>> take;  // a name, and the arm whose choice it is
};

struct SweepSpec {
  std::string base;            // the run file
  std::string out;             // folder of runs and tables
  std::vector<int64_t> seeds;  // of the report; tuning uses seed 0
  std::vector<double> reach;   // validation losses whose first step and second are told
  bool keep_checkpoints = false;
  std::vector<Arm> arms;
  std::vector<std::string> overrides;  // --set, before all else
};

// Returns the value of a name among the settings; nullptr where they do not have it.
inline const SweepValue* find_setting(const Settings& settings, const std::string& name) {
  for (const auto& [own, value] : settings)
    if (own == name) return &value;
  return nullptr;
}

}  // namespace steepest::trainer
