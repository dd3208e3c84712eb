// SPDX-License-Identifier: Apache-2.0
// The two stages of a sweep: seed 0 chooses, other seeds report.
#pragma once

#include <string>

#include "trainer/sweep/runner.h"

namespace steepest::trainer {

// The rows of an arm whose names match the glob.
std::vector<Settings> chosen_rows(const Arm& arm, const std::string& only);

// The trials of a row's grid at seed 0.
std::vector<Trial> tuning_trials(const Arm& arm, const Settings& row, const Settings& taken,
                                 const std::vector<Axis>& grid);

// The best of a row's lines, under the arm and row: the least judged loss, the first of equals;
// with the names whose best value is at an end of its axis.
Choice best_of(const Arm& arm, const Settings& row, const std::vector<Axis>& grid,
               const std::vector<const SweepValue*>& lines);

// Adds two half decades to a growable axis at the end where `value` is; returns whether it could.
bool grow(Axis& axis, const SweepValue& value);

// Tunes every row of every arm, arm after arm, and puts the choices into `choices`, written to
// `path` after each arm. A best value at the end of a grid of half decades adds two of them there,
// twice at most; then it stays flagged. Returns 0, or the signal that has ended it.
int tune(const SweepSpec& spec, const std::string& only, Runner& runner, const Table& table,
         Choices& choices, const std::string& path);

// Runs every row at its choice with the seeds of the report; rows of which every trial has diverged
// are named and left out. Adds the runs to `reported`, whether they were there or not. Returns 0,
// or the signal that has ended it.
int report(const SweepSpec& spec, const std::string& only, Runner& runner, const Choices& choices,
           std::vector<Job>& reported);

}  // namespace steepest::trainer
