// SPDX-License-Identifier: Apache-2.0
// Polar factors: X = U S V^T  ->  U V^T, for batches of matrices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/polar/types.h"

namespace STEEPEST_API steepest {

// Makes the solver of the method that the options name, with their steps, dtype and the rest.
// Throws c10::ValueError, with what was received and what is allowed, where they are wrong.
std::unique_ptr<PolarSolver> make_polar(const PolarOptions& options);

// Returns the names of the polar methods: "svd"; "newton" (coupled); and the schedules of a
// Newton-Schulz iteration, "polar_express", "jordan", "baseline", "cubic", "quintic", "you" and
// "cans". A schedule's name takes the Gram form for long matrices in float32, "gram_" + the name
// always, "fast_" + the name the cheapest dtype too. Not listed: "custom" and "auto", which need
// options.
std::vector<std::string> polar_methods();

}  // namespace steepest
