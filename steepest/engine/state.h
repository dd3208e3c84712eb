// SPDX-License-Identifier: Apache-2.0
// What a step reads and writes. The engine owns none of it: an optimizer's face does.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "steepest/momentum.h"
#include "steepest/plan.h"

namespace steepest {

// Saved under torch's names; undefined until the parameter's first gradient.
struct ParamState {
  int64_t step = 0;
  at::Tensor momentum_buffer;
  std::vector<at::Tensor> slots;  // in the order of the plan's entries: see StateEntry::index
  at::Tensor intercept;           // 0-dim float64, Momo: see step_size.h
  at::Tensor dual;                // float64, one a matrix of the parameter: the last step's duals
};

struct GlobalState {
  int64_t step = 0;
  at::Tensor loss_average;  // 0-dim float64, Momo's momentum of the loss
  at::Tensor weight;        // of the number 1
  at::Tensor f_star;        // tracked lower bound
};

struct Param {
  at::Tensor value;
  at::Tensor grad;  // undefined: skipped, its state stays as it is
  ParamState* state = nullptr;
};

// What a scheduler may change from step to step, for each of a plan's groups.
struct Rates {
  double lr = 0, weight_decay = 0;
  std::optional<double> momentum = {};  // unset: the group's choice
};

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

struct StepStats {
  bool skipped = false;
  // Names of the parameters with NaN or Inf gradients, or whose weights or state would become so.
  std::vector<std::string> nonfinite;
  at::Tensor dual;          // D; undefined where the recipe needs no dual
  at::Tensor q;             // the step size's factor
  at::Tensor model;         // f~ - f* under Momo
  at::Tensor coefficients;  // [leaves]: what each direction was multiplied by, with D
};

}  // namespace steepest
