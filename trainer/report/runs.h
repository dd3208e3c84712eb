// SPDX-License-Identifier: Apache-2.0
// The lines of a sweep's table, put together row by row.
#pragma once

#include <string>
#include <vector>

#include "trainer/report/chart.h"
#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

// A row of an arm with its lines.
struct RunsOfRow {
  std::string arm, name;  // name: "con/max,ada_2"
  SweepValue row;         // its values of the axes
  std::vector<const SweepValue*> tuned, reported;
};

// Returns the rows in the order of their first lines; they point to the lines.
std::vector<RunsOfRow> rows_of_lines(const std::vector<SweepValue>& lines);

// Returns the names of the arms in the order of their first lines.
std::vector<std::string> arms_of(const std::vector<RunsOfRow>& rows);

// Returns the values that a line's run was tuned to or has taken; an empty object where it has
// none.
const SweepValue& values_of_line(const SweepValue& line);

// Returns how many trials the rows of each arm have had that the expression names, "reg 5, con 12
// to 16"; of those rows alone that words in brackets choose, "k[4] 6". "" where it
// names none that has had any.
std::string trials_text(const std::vector<RunsOfRow>& rows, const std::string& expression);

// What the runs of a table have taken and with what they were made.
struct RunTotals {
  int64_t runs = 0, tuned = 0, not_done = 0;  // a run under several names counts once
  double cpu_seconds = 0;
  std::vector<std::string> made_with;  // "steepest 0.1.0, torch 2.4.0, commit .., processor: 12"
};
RunTotals totals_of(const std::vector<SweepValue>& lines);

// A chart for each combination of the axes' values, with a curve for each of the arms: the training
// loss by step, the mean of the seeds of the report that have ended well. Nothing of what has none.
std::vector<Chart> loss_charts(const std::vector<RunsOfRow>& rows,
                               const std::vector<std::string>& arms);

// The same for the validation loss by the rate that was tuned, the least over what else was tuned;
// infinite where no run has ended well.
std::vector<Chart> rate_charts(const std::vector<RunsOfRow>& rows,
                               const std::vector<std::string>& arms);

}  // namespace steepest::trainer
