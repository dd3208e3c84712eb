// SPDX-License-Identifier: Apache-2.0
// What a step refuses, before anything changes.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

// Throws c10::ValueError: rates not finite or negative, a gradient of another shape, sparse or
// complex, a missing loss under Momo.
void check_step(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates,
                const at::Tensor& loss);

// The names of the parameters whose gradient holds a NaN or Inf, and "loss" where the loss is one.
std::vector<std::string> find_nonfinite(const Plan& plan, const std::vector<Param>& params,
                                        const at::Tensor& loss);

}  // namespace steepest
