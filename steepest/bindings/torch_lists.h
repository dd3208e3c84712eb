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

// The lists of one call, which belong to the caller.
struct StepLists {
  at::TensorList params;  // all the plan's, in its order, as are grads
  const c10::List<std::optional<at::Tensor>>& grads;
  at::TensorList steps, state;  // of the parameters in `live` only, which have had a gradient
  at::IntArrayRef live;         // numbers of parameters in the plan, rising
};

// Throws c10::ValueError where a list has another length than the plan asks for, a tensor is
// undefined, or the indices in `live` are out of range or do not rise; `op` is the operator that
// the message names.
void check_lists(const Plan& plan, const StepLists& lists, const char* op);

// Throws c10::ValueError where a parameter has a gradient but its index is not in lists.live, the
// indices of the parameters whose state was passed: the state that the step makes for it would be
// lost. The lists must have passed check_lists.
void check_live(const Plan& plan, const StepLists& lists);

// Returns the step count that a tensor of one number holds, as torch keeps it in an optimizer's
// state. Throws c10::ValueError, which begins with `name`, the parameter's, where it is not a whole
// number from 0 up that float64 holds exactly.
int64_t read_step(const std::string& name, const at::Tensor& step);

// Returns the rates of the plan's groups from lists of one number a group; without `momentum` each
// group keeps its own choice. Throws c10::ValueError at another number of learning rates or decays;
// check_momentum and engine::check_rates look at the rest.
std::vector<Rates> read_rates(const Plan& plan, at::ArrayRef<double> lr,
                              at::ArrayRef<double> weight_decay,
                              at::ArrayRef<double> momentum = {});
// Throws c10::ValueError unless there is one momentum a group, from 0 to below 1, and 0 in a group
// whose plan keeps none.
void check_momentum(const Plan& plan, at::ArrayRef<double> momentum);

// Throws c10::ValueError where `stats`, which the step writes (whether it was skipped, the dual
// norm D, Momo's q and f~ - f*, then the coefficient of every matrix, a leaf of the outer norm), is
// not float64 of shape [4 + leaves].
void check_stats(const Plan& plan, const at::Tensor& stats);
// Throws c10::ValueError under Momo where `momo` (loss average, weight, f_star; with lr_auto or a
// level its numbers too) is not float64 of shape [3], or [8], or its step count `momo_step` is not
// a whole number from 0 up.
void check_momo(const Plan& plan, const at::Tensor& momo_step, const at::Tensor& momo);

}  // namespace steepest
