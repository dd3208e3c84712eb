// SPDX-License-Identifier: Apache-2.0
// A step that a graph of launches may record and replay: the host reads nothing of the device, no
// number that changes from step to step comes from the host, and all memory is the caller's.
#pragma once

#include "steepest/base/arena.h"
#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest::engine {

// What the device holds in place of Rates and of step counts.
struct DeviceRates {
  at::Tensor rates;           // [2, rows] float64: learning rates, weight decays
  std::vector<int64_t> rows;  // of each of the plan's groups
  at::Tensor step;            // 0-dim: the gradients that every parameter has seen before
};

// Takes one step: adds 1 to the device's count and changes weights and states in place. Every
// parameter's own count is 0 before its first step, and later any other number. Throws
// c10::ValueError, before anything changes, unless lists serve every block (alike.h).
void captured_step(const Plan& plan, const std::vector<Param>& params, const DeviceRates& device,
                   Arena& arena);

}  // namespace steepest::engine
