// SPDX-License-Identifier: Apache-2.0
// What the tuning of a sweep has chosen for each row of each arm.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

struct Choice {
  std::string arm;
  Settings row, values;  // values: of the tuned names, and those taken; none where all diverged
  // Of the run that was chosen, with seed 0; the training loss is the mean of its last stretch.
  double val_loss = std::numeric_limits<double>::infinity();
  double train_loss = std::numeric_limits<double>::infinity();
  std::vector<std::string> edges;  // the names whose best value is still at an end of the grid
  int64_t trials = 0;
};

class Choices {
 public:
  // Reads choice.json; none where there is no such file. Throws ConfigError for another content.
  static Choices load(const std::string& path);
  // Writes choice.json.
  void save(const std::string& path) const;

  // Takes a choice, in the place of an earlier one of the same arm and row.
  void put(Choice choice);
  // The choice of an arm's row: of `row` what that arm's rows have. nullptr where there is none.
  const Choice* find(const std::string& arm, const Settings& row) const;
  // All of them, in the order in which they were first made.
  const std::vector<Choice>& all() const { return choices_; }

 private:
  std::vector<Choice> choices_;
};

// Settings as a JSON object.
SweepValue json_of(const Settings& settings);

}  // namespace steepest::trainer
