// SPDX-License-Identifier: Apache-2.0
// schedule.kind = "replay": the numbers that one run has written drive the rates of another.
#pragma once

#include <cstdint>
#include <vector>

#include "trainer/schedule.h"

namespace steepest::trainer {

// Returns what the schedule's own factor of each of the first `steps` steps is multiplied by, from
// the metrics of the run spec.path: its column spec.key, smoothed, or with spec.detrend one over it
// with geometric mean 1. "D" is taken without the rate that it was made with (D / sqrt(lr) of a
// regularized run, D / lr of a constrained one). A step that has no such number, or had the rate 0,
// has that of the step before. Throws ConfigError, with the key, where the run is none, ends too
// soon, lacks the column, or holds numbers that cannot be a factor.
std::vector<double> replay_factors(const ScheduleSpec& spec, int64_t steps);

// Returns the centred geometric means of the numbers over `smooth` steps on either side, fewer
// where the run begins or ends sooner, on both sides alike: so an exponential trend stays as it is.
std::vector<double> geometric_means(const std::vector<double>& numbers, int64_t smooth);

}  // namespace steepest::trainer
