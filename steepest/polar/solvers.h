// SPDX-License-Identifier: Apache-2.0
// One factory for each way to compute polar factors; make_polar chooses by name. Call these for a
// schedule of your own: newton_schulz_solver(polar_express({.low = 1e-5}), {.steps = 8}).
#pragma once

#include "steepest/polar/polar.h"
#include "steepest/polar/schedules.h"

namespace steepest {

// X <- a X + b (X X^T) X + c (X X^T)^2 X. In any dtype.
std::unique_ptr<PolarSolver> newton_schulz_solver(Schedule schedule, const PolarOptions& options);

// The same iteration on X X^T, gathered in one factor Q that is applied at the end and at restarts.
// In float32 or float64.
std::unique_ptr<PolarSolver> gram_solver(Schedule schedule, const PolarOptions& options);

// Either of these two, by the shape; and in the dtype that the device multiplies fastest: see
// fast.cpp.
std::unique_ptr<PolarSolver> by_shape_solver(const Schedule& schedule, const PolarOptions& options);
std::unique_ptr<PolarSolver> fast_solver(const Schedule& schedule, const PolarOptions& options);

// U V^T from an SVD in float32 or float64.
std::unique_ptr<PolarSolver> svd_solver(const PolarOptions& options);

// (X X^T + ridge I)^{-1/2} X by the coupled Newton iteration, in float32 or float64.
std::unique_ptr<PolarSolver> newton_solver(const PolarOptions& options);

// How much the Gram form may enlarge the rounding of R before it returns to X: see gram.cpp. In
// float32; and with R in float32 but the factors of its products rounded to 16 bits.
constexpr double kLargestGrowth = 3500, kLargestHalfGrowth = 205;

// The steps after which it returns to X. first: |R| at the beginning.
std::vector<int64_t> gram_restarts(const Schedule& schedule, int64_t steps,
                                   double largest_growth = kLargestGrowth, double first = 1);

}  // namespace steepest
