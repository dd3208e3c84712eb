// SPDX-License-Identifier: Apache-2.0
// What a run of a sweep has come to, as the line of its table.
#pragma once

#include "trainer/sweep/children.h"
#include "trainer/sweep/trial.h"

namespace steepest::trainer {

// Returns the line of a run whose process has ended so, from its folder and its log. Its status is
// "done"; "diverged", where the loss or the weights were not finite, 10 steps in a row were
// refused, or the last validation loss is above the first step's loss; or "failed", with the error,
// where the process died otherwise. `reach` are validation losses whose first step and second are
// told.
SweepValue line_of(const Job& job, const ChildEnd& end, const std::vector<double>& reach);

// The line of a run that cannot be started, as the run that it reads has not ended well.
SweepValue line_without_run(const Job& job, const std::string& error);

// Returns the means of the numbers in at most `points` stretches of equal length, each with the
// last step of its stretch, counted from 1: [[step, mean], ..]. Numbers that are NaN do not count.
SweepValue thinned(const std::vector<double>& numbers, int64_t points);

}  // namespace steepest::trainer
