// SPDX-License-Identifier: Apache-2.0
// The lists that an operator of torch_step.cpp is given, and what of them is refused before
// anything is read by position.
#pragma once

#include <ATen/core/List.h>
#include <ATen/core/Tensor.h>

#include <optional>
#include <vector>

#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest {

struct StepLists {
  at::TensorList params;
  const c10::List<std::optional<at::Tensor>>& grads;
  at::TensorList steps, state;  // of the parameters in `live` only, which have had a gradient
  at::IntArrayRef live;
};

// Throws c10::ValueError: lists of the wrong length, indices of `live` out of range or not rising.
void check_lists(const Plan& plan, const StepLists& lists, const char* op);

// Throws c10::ValueError where a parameter with a gradient is not live: what the step makes for it
// would be lost. After check_lists.
void check_live(const Plan& plan, const StepLists& lists);

// A state's step count. Throws c10::ValueError naming the parameter where it is not a whole number
// from 0 up.
int64_t read_step(const std::string& name, const at::Tensor& step);

// One number a group, each finite and from 0 up.
std::vector<Rates> read_rates(const Plan& plan, at::ArrayRef<double> lr,
                              at::ArrayRef<double> weight_decay,
                              at::ArrayRef<double> momentum = {});
void check_momentum(const Plan& plan, at::ArrayRef<double> momentum);

// Throws c10::ValueError where `stats`, which the step writes (skipped, D, q, f~ - f*, then the
// coefficient of every leaf), is not float64 of shape [4 + leaves].
void check_stats(const Plan& plan, const at::Tensor& stats);
// The same under Momo where `momo` (loss average, weight, f_star) is not float64 of shape [3], or
// its step count `momo_step` is not a whole number from 0 up.
void check_momo(const Plan& plan, const at::Tensor& momo_step, const at::Tensor& momo);

}  // namespace steepest
