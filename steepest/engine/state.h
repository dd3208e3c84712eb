// SPDX-License-Identifier: Apache-2.0
// What a step reads and writes. The engine owns none of it: an optimizer's face does.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

// Saved under torch's names; undefined until the parameter's first gradient.
struct ParamState {
  int64_t step = 0;
  at::Tensor momentum_buffer;
  std::vector<at::Tensor> slots;  // in the order of the plan's entries: see StateEntry::index
  at::Tensor intercept;           // 0-dim float64, Momo's
  at::Tensor dual;                // float64, one a matrix of the parameter: the last step's duals
};

struct GlobalState {
  int64_t step = 0;
  at::Tensor loss_average;  // 0-dim float64, Momo's momentum of the loss
  at::Tensor weight;        // of the number 1
  at::Tensor f_star;        // tracked lower bound
  at::Tensor auto_rate;     // of lr_auto or a level
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
