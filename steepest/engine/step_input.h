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
  // Works out the groups' numbers of this step, and keeps references to plan and params; `rates`
  // has one entry a group of the plan.
  StepInput(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates);
  // Takes the numbers of another step's input for a plan of the same groups: of the whole
  // parameters, where `like` is of what a process holds of them.
  StepInput(const StepInput& like, const Plan& plan, const std::vector<Param>& params);

  const Plan& plan;
  const std::vector<Param>& params;
  std::vector<GroupNumbers> numbers;  // one a group
  // Whether the step measures every block's dual, also where it needs none.
  bool measure_duals = false;
  // Whether u comes from other processes, so that it cannot be made again from momentum and
  // gradient.
  bool gathered = false;
  // What lr is multiplied by where it stands for a decay, by Role: see auto_rate.h; 1 elsewhere.
  double found_rate[2] = {1, 1};

  // Returns the block's parameter: its value, gradient and state.
  const Param& param(const Block& block) const { return params[block.param]; }
  // Returns the choices (norm, momentum form, kind of decay, ..) of the block's group.
  const Choices& choices(const Block& block) const { return plan.choices(block); }
  // Returns the numbers of this step of the block's group: its rates and momentum maps.
  const GroupNumbers& numbers_of(const Block& block) const { return numbers[block.group]; }
  // Returns the numbers of the group of parameter number `param` of the plan.
  const GroupNumbers& numbers_of_param(size_t param) const {
    return numbers[plan.params[param].group];
  }
  // Returns the number of the block, which must be a reference into plan.blocks, among these.
  size_t index(const Block& block) const { return &block - plan.blocks.data(); }

  // Returns the factors by which the block's momentum is advanced and looked ahead of at this step,
  // which differ at the first one; begin_step() must have counted the step.
  const MomentumMap& map(const Block& block) const;
  // Returns what the block's u, which its norm is given, is to be divided by at this step: the bias
  // correction of its momentum, 1 without one. See momentum_correction.
  double correction(const Block& block) const;
  // Returns the share of W, or of W - W_0, that the Euclidean move takes away: 0 where the block's
  // geometry decays by itself.
  double decay(const Block& block) const;
  // Returns the share that a decoupled decay takes away: lr wd, or wd where it is independent of
  // lr, or wd / (t + 1) at step t (soda). A coupled decay is in the gradient, so that this is 0.
  double share_of_decay(const Block& block) const;
};

}  // namespace steepest::engine
