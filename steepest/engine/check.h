// SPDX-License-Identifier: Apache-2.0
// What a step refuses, before anything changes.
#pragma once

#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest::engine {

// Throws c10::ValueError where a learning rate or a weight decay is negative or not finite, or does
// not go with its group's choices; `rates` has one entry a group, in the plan's order.
void check_rates(const Plan& plan, const std::vector<Rates>& rates);

// Throws c10::ValueError, before a step changes anything: at what check_rates refuses; at a
// parameter or a gradient of another shape, dtype, device or layout than planned; at state that
// does not fit its parameter; under Momo at a loss that is undefined or is not one real number.
void check_step(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates,
                const at::Tensor& loss);

// Throws c10::ValueError where parameter number `index`, its gradient or its state is not what was
// planned. It is for parameters that have a gradient or state.
void check_param(const Plan& plan, size_t index, const Param& param);

// Whether any parameter has a gradient: a step without one does nothing.
bool has_gradients(const std::vector<Param>& params);

// Returns the largest magnitude of each parameter's gradient, 0 where there is none and NaN where
// an entry is NaN, in one pass over it.
std::vector<double> largest_gradients(const std::vector<Param>& params);

// Returns the names of the parameters whose gradient holds a NaN or Inf, which shows in `largest`,
// the result of largest_gradients(), and "loss" where the loss is one. The loss may be undefined.
std::vector<std::string> find_nonfinite(const Plan& plan, const std::vector<double>& largest,
                                        const at::Tensor& loss);

}  // namespace steepest::engine
