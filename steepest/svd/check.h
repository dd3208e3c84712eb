// SPDX-License-Identifier: Apache-2.0
// What the caller may ask. Each function throws a c10::ValueError that says what it is about, what
// was received and what is allowed.
#pragma once

#include <string>

#include "steepest/svd/solver.h"

namespace steepest::svd {

Solve find_solver(const std::string& method);
void check_input(const at::Tensor& a, int64_t k, const at::Tensor& start);
void check_options(const SvdOptions& options);

}  // namespace steepest::svd
