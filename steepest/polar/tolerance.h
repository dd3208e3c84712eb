// SPDX-License-Identifier: Apache-2.0
// The cheapest iteration for a given error: the method "auto".
#pragma once

#include <cstdint>
#include <memory>

#include "steepest/polar/schedules.h"
#include "steepest/polar/types.h"

namespace steepest::polar {

struct Tolerance {
  double tol = 1e-2;  // max |1 - sigma'| of the answer's singular values,
  double low = 1e-3;  // for those of x from low |x|_F on
};

struct PolarChoice {
  Schedule schedule;
  int64_t steps = 0;
  double error = 0;      // max |1 - sigma'| over [low, 1] in exact arithmetic
  int64_t products = 0;  // three for a quintic step, two for a cubic one
};

// The choice with the fewest products among the named schedules and Polar Express made for this
// `low`.
PolarChoice cheapest_iteration(const Tolerance& tolerance);

std::unique_ptr<PolarSolver> tolerance_solver(const PolarOptions& options);

}  // namespace steepest::polar
