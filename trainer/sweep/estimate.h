// SPDX-License-Identifier: Apache-2.0
// What a sweep will cost, from short runs of each row.
#pragma once

#include <string>

#include "trainer/sweep/sweep_spec.h"

namespace steepest::trainer {

// Returns what the sweep would be, for people: of each row how many runs and, timed by 10 steps on
// this machine, CPU seconds a run; the sum of the runs, without those that growing grids would add,
// and of the CPU minutes, without validations before the last step. Runs of which the table has a
// line count, too. Leaves nothing behind.
std::string estimate(const SweepSpec& spec, const std::string& only, bool tunes, bool reports);

}  // namespace steepest::trainer
