// SPDX-License-Identifier: Apache-2.0
// [record]: which steps of a run are looked at, and what is told of them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace steepest::trainer {

struct RecordSpec {
  int64_t every = 0;           // steps; 0: only those listed
  std::vector<int64_t> steps;  // beside these
  std::string what = "summary";
  std::vector<std::string> of = {"gradient", "momentum", "update", "weights"};
  std::vector<std::string> match;  // globs of parameter names; none: all matrices

  bool operator==(const RecordSpec&) const = default;
  // Whether any step is looked at.
  bool is_on() const { return every > 0 || !steps.empty(); }
  // Whether step number `step`, counted from 1, is.
  bool is_due(int64_t step) const {
    const bool listed = std::find(steps.begin(), steps.end(), step) != steps.end();
    return listed || (every > 0 && step % every == 0);
  }
};

}  // namespace steepest::trainer
