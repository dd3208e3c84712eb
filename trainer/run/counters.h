// SPDX-License-Identifier: Apache-2.0
// What a run counts beside its training: part of its checkpoints.
#pragma once

#include <cstdint>
#include <limits>

#include "steepest/io/safetensors.h"

namespace steepest::trainer {

struct Counters {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  double seconds = 0, optimizer_seconds = 0;  // of training, over all starts
  double val_loss = 0;                        // at val_step
  int64_t val_step = -1;                      // -1: there was no validation yet
  double hellaswag = kNone;                   // share answered right; NaN without questions
  double val_accuracy = kNone;                // from 0 to 1; NaN where rows have no one target
};

// Adds the counters to the tensors of a checkpoint's state, each a float64 scalar under its name.
void put_counters(const Counters& counters, NamedTensors& state);
// The counters in a checkpoint's state; one that is missing has its value of a new run.
Counters counters_of(const NamedTensors& state);

}  // namespace steepest::trainer
