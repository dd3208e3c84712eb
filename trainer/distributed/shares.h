// SPDX-License-Identifier: Apache-2.0
// What sharing a run's steps among processes comes to, from the plan alone.
#pragma once

#include <string>
#include <vector>

#include "steepest/plan.h"

namespace steepest::trainer {

// What one process does and sends in a step.
struct Share {
  int64_t matrices = 0;   // whose directions it computes for all
  double entries = 0;     // of these
  double gradients = 0;   // bytes that it sends to have the gradients summed
  double directions = 0;  // bytes that it sends of directions, and of state that goes with them
};

// Returns the shares of so many processes that hold all parameters each. Throws c10::ValueError
// where the recipe cannot be shared.
std::vector<Share> shares_of(const Plan& plan, int64_t processes);

// Returns the shares as lines for a person to read (of more than 16 processes those of the busiest
// and the idlest), and which process computes which parameter's directions.
std::string shares_text(const Plan& plan, int64_t processes);

}  // namespace steepest::trainer
