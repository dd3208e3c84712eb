// SPDX-License-Identifier: Apache-2.0
// What a run counts beside its training: part of its checkpoints.
#pragma once

#include <cstdint>

#include "steepest/io/safetensors.h"

namespace steepest::trainer {

struct Counters {
  double seconds = 0, optimizer_seconds = 0;  // of training, over all starts
  double val_loss = 0;                        // at val_step
  int64_t val_step = -1;                      // -1: there was no validation yet
};

void put_counters(const Counters& counters, NamedTensors& state);
Counters counters_of(const NamedTensors& state);  // what is missing stays as it is at the start

}  // namespace steepest::trainer
