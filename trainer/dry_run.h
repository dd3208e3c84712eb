// SPDX-License-Identifier: Apache-2.0
// What a run would be and what it would take, from its spec alone: no weight is allocated, no data
// are read.
#pragma once

#include <string>

#include "trainer/run_spec.h"

namespace steepest::trainer {

// What a run costs, as far as the spec tells it.
struct RunCost {
  int64_t parameters = 0;
  double weights = 0, gradients = 0, state = 0;  // bytes; state: the optimizer's
  double activations = 0;      // bytes, about: what is kept between the passes of a micro-batch
  double pass_flops = 0;       // of a step: both passes over the whole batch
  double optimizer_flops = 0;  // of a step: the products of polar factors; NaN where a group's
                               // solver takes others, whose number depends on the numbers
  double published_bound = 0;  // T m / B, the share that the optimizer's products take at most: T
                               // polar steps, m the shorter side of the largest
                               // matrix, B tokens or images; NaN of convolutions
  double items = 0;            // tokens or images of the run
};

// Counts; throws c10::ValueError or std::invalid_argument for a model, an optimizer or a group
// that cannot be had.
RunCost cost_of(const RunSpec& spec);

// The whole text of `steepest train --dry-run`: the resolved run file, the model, every parameter's
// group, rates, solvers, plan, memory, FLOPs, and the hours at the speed of this machine's
// products. Of several processes, also what each of them does and sends.
std::string dry_run_text(const RunSpec& spec, int64_t processes = 1);

}  // namespace steepest::trainer
