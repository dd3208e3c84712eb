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

// Returns the schedule and the number of its steps that meet the tolerance, in exact arithmetic,
// with the fewest matrix products, among the named schedules and Polar Express made for this `low`.
// Throws c10::ValueError where none does in 40 steps.
PolarChoice cheapest_iteration(const Tolerance& tolerance);

// Makes the solver of the method "auto": its error, rounding included, is within the options' tol
// for singular values from low |x|_F on, at the least cost. Throws c10::ValueError where tol or low
// is out of range, or steps or a dtype are given too.
std::unique_ptr<PolarSolver> tolerance_solver(const PolarOptions& options);

}  // namespace steepest::polar
