// SPDX-License-Identifier: Apache-2.0
// Learning-rate schedules: a factor for every step, the same for all groups.
#pragma once

#include <cstdint>
#include <string>

namespace steepest::trainer {

struct ScheduleSpec {
  std::string kind = "constant";   // "constant", "constant_linear", "cosine", "replay"
  int64_t warmup = 0;              // steps of a linear rise; the first step has 1 / (warmup + 1)
  double constant_fraction = 0.4;  // constant_linear: the part of the steps before the descent
  double floor = 0;                // the last step's factor
  // replay: which kind's factor is multiplied by the numbers of another run, and of these numbers
  // the run's folder, the column of its metrics, the steps on either side over which they are
  // averaged, and whether they are divided out instead.
  std::string base = "constant", path, key = "D";
  int64_t smooth = 0;
  bool detrend = false;

  bool operator==(const ScheduleSpec&) const = default;
};

// The factor of the learning rate at `step`, from 0 to steps - 1. It rises in a line over the first
// spec.warmup steps. Then it is 1 for constant; for constant_linear 1, then a line down to the
// floor; for cosine half a cosine down to the floor. Both reach the floor at step steps - 1. Of
// replay it is that of spec.base.
double schedule_factor(const ScheduleSpec& spec, int64_t step, int64_t steps);

}  // namespace steepest::trainer
