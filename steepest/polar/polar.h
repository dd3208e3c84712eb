// SPDX-License-Identifier: Apache-2.0
// Polar factors: X = U S V^T  ->  U V^T, for batches of matrices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/polar/types.h"

namespace STEEPEST_API steepest {

// Throws a c10::ValueError that names what was received and what is allowed.
std::unique_ptr<PolarSolver> make_polar(const PolarOptions& options);

// The names that `method` accepts: "svd"; "polar_express", "jordan", "baseline", "cubic",
// "quintic", "you", "cans" and "cubic5", which are schedules of a Newton-Schulz iteration; "newton"
// (coupled). A schedule's name alone takes the Gram form for long matrices in float32; "gram_" +
// the name always takes it; "fast_" + the name takes the cheapest dtype too. Besides there are
// "custom", with coefficients, and "auto", with tol, not in this list.
std::vector<std::string> polar_methods();

}  // namespace steepest
