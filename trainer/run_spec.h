// SPDX-License-Identifier: Apache-2.0
// Everything that a run is, as plain fields: what a config file and its overrides come to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steepest/recipe.h"
#include "trainer/data/dataset.h"
#include "trainer/models/spec.h"
#include "trainer/record/record_spec.h"
#include "trainer/schedule.h"

namespace steepest::trainer {

struct GroupSpec {  // [[group]]: options for the parameters whose names match
  std::vector<std::string> match;
  std::string role;  // "matrix", "backup" or empty: as routed
  View view;
  std::optional<int64_t> steps;  // of its schedule; unset: the run's
  Overrides options;
};

struct RunSpec {
  std::string out;
  std::optional<std::string> start_from;  // a run's folder, of which the weights are taken
  uint64_t seed = 0;
  int64_t steps = 100;
  int64_t threads = 0;  // 0: torch's choice
  std::string device = "cpu";
  bool bfloat16 = false;  // autocast of the forward pass
  int64_t eval_every = 0, eval_batches = 8, checkpoint_every = 0, log_every = 10;
  std::optional<double> target_loss, target_accuracy;  // of a validation, at which the run ends
  int64_t accumulate = 1;                              // micro-batches a step
  double clip = 0;                                     // of the gradients' global norm; 0: none
  int64_t max_skipped = 10;    // steps refused in a row before the run stops
  bool measure_duals = false;  // D of every step, also where none needs it
  ModelSpec model;
  DataSpec data;
  std::string recipe = "muon";
  Overrides optimizer{.nonfinite = "skip"};  // in the library: propagate
  std::vector<GroupSpec> groups;
  ScheduleSpec schedule;
  RecordSpec record;
};

}  // namespace steepest::trainer
