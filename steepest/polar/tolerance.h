// SPDX-License-Identifier: Apache-2.0
// Given an error, the cheapest iteration: for method "auto".
#pragma once

#include <cstdint>

#include "steepest/polar/polar.h"
#include "steepest/polar/schedules.h"

namespace steepest {

struct Tolerance {
  double tol = 1e-2;  // max |1 - sigma'| of the answer's singular values ..
  double low = 1e-3;  // .. for those of x from low |x|_F on
};

struct PolarChoice {
  Schedule schedule;
  int64_t steps = 0;
  double error = 0;      // max |1 - sigma'| over [low, 1] in exact arithmetic
  int64_t products = 0;  // three a quintic step, two a cubic one
};

// Of the named schedules, and Polar Express made for this `low`, the one with the fewest products.
PolarChoice cheapest_iteration(const Tolerance& tolerance);

std::unique_ptr<PolarSolver> tolerance_solver(const PolarOptions& options);

}  // namespace steepest
