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

// Returns the plan as process 0 of so many has it, where each holds all parameters; of one, the
// plan itself. Throws c10::ValueError where the recipe cannot be shared.
Plan shared_plan(const Plan& plan, int64_t processes);

// Returns the shares of the processes of a plan that is shared so.
std::vector<Share> shares_of(const Plan& plan);
// Returns them as lines for a person to read: of more than 16 processes, those of the busiest and
// the idlest.
std::string shares_text(const Plan& plan);

}  // namespace steepest::trainer
