// SPDX-License-Identifier: Apache-2.0
// The learning rates of an optimizer's groups through a run: what the run file gives, times the
// schedule's factor, times what it replays of another run.
#pragma once

#include <vector>

#include "steepest/optimizer.h"
#include "trainer/run/checkpoint.h"
#include "trainer/schedule.h"

namespace steepest::trainer {

class GroupRates {
 public:
  // Keeps the schedule of a run of so many steps.
  GroupRates(ScheduleSpec schedule, int64_t steps)
      : schedule_(std::move(schedule)), steps_(steps) {}

  // Takes the groups' present rates as those that the factors multiply, and for each group the
  // steps of its schedule, after which its rate is 0.
  void start_from(Optimizer& optimizer, std::vector<int64_t> steps);
  // Sets every group's rate to the one of this step, from 0. Throws ConfigError where numbers are
  // replayed, no checkpoint has brought them, and they cannot be had.
  void set(Optimizer& optimizer, int64_t step);
  // Reads the numbers that the schedule replays, if it replays any; throws ConfigError where they
  // cannot be had.
  void read_replayed();

  // Adds the numbers that are replayed to a checkpoint's state: a run goes on with them, whatever
  // has become of the run they are from.
  void save(NamedTensors& state) const;
  // Takes the numbers of a checkpoint that was made under this schedule and as many steps; else
  // they are read again.
  void restore(const Checkpoint& checkpoint);

 private:
  ScheduleSpec schedule_;
  int64_t steps_;
  std::vector<double> base_, replayed_;
  std::vector<int64_t> group_steps_;
};

}  // namespace steepest::trainer
