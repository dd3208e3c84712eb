// SPDX-License-Identifier: Apache-2.0
// What the caller may ask. Each throws c10::ValueError: what it is, what was received, what is
// allowed.
#pragma once

#include "steepest/svd/solver.h"

namespace steepest::svd {

Solve solver(const std::string& method);
void check_input(const at::Tensor& a, int64_t k, const at::Tensor& start);
void check_options(const SvdOptions& options);

}  // namespace steepest::svd
