// SPDX-License-Identifier: Apache-2.0
// One step's input, with all numbers of the groups at this step.
#pragma once

#include <vector>

#include "steepest/engine/state.h"
#include "steepest/geometry.h"
#include "steepest/momentum.h"
#include "steepest/plan.h"
#include "steepest/transforms/transform.h"

namespace steepest::engine {

// A group's numbers at this step.
struct GroupNumbers {
  double lr = 0, weight_decay = 0, momentum = 0;
  MomentumMap first_map, map;  // of a state's first gradient, and of every later one
};

// One step's input, as its stages pass it on.
struct StepInput {
  StepInput(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates);

  const Plan& plan;
  const std::vector<Param>& params;
  std::vector<GroupNumbers> numbers;  // one a group

  const Param& param(const Block& block) const { return params[block.param]; }
  const Choices& choices(const Block& block) const { return plan.choices(block); }
  const GroupNumbers& numbers_of(const Block& block) const { return numbers[block.group]; }
  const GroupNumbers& numbers_of_param(size_t param) const {
    return numbers[plan.params[param].group];
  }
  size_t index(const Block& block) const { return &block - plan.blocks.data(); }

  // The block's momentum at this step, after its state has counted it.
  const MomentumMap& map(const Block& block) const;
  // What u is to be divided by: see momentum_correction.
  double correction(const Block& block) const;
  // W is multiplied by 1 - decay where the decay is the weights' own: lr wd, or wd.
  double decay(const Block& block) const;
};

}  // namespace steepest::engine
