// SPDX-License-Identifier: Apache-2.0
// What the caller may ask. Each function throws a c10::ValueError that says what it is about, what
// was received and what is allowed.
#pragma once

#include <string>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Returns the solver of this name; throws c10::ValueError unless it is one of svd_methods().
Solve find_solver(const std::string& method);
// Throws c10::ValueError unless a is a dense [B, r, c] of a dtype that the library computes with, k
// >= 1, and `start` undefined or [B, c, p] on a's device.
void check_input(const at::Tensor& a, int64_t k, const at::Tensor& start);
// Throws c10::ValueError unless each option has a value that SvdOptions allows.
void check_options(const SvdOptions& options);

}  // namespace steepest::svd
