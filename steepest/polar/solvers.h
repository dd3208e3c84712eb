// SPDX-License-Identifier: Apache-2.0
// One factory for each way to compute polar factors; make_polar() chooses by name. Call these for a
// schedule of your own: newton_schulz_solver(polar_express({.low = 1e-5}), {.steps = 8}).
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "steepest/polar/schedules.h"
#include "steepest/polar/types.h"

namespace steepest::polar {

// X <- a X + b (X X^T) X + c (X X^T)^2 X, in any dtype.
std::unique_ptr<PolarSolver> newton_schulz_solver(Schedule schedule, const PolarOptions& options);

// Its Gram form: it iterates on R = X X^T and gathers one factor Q, which is applied to X at the
// end and at restarts; in float32 or float64.
std::unique_ptr<PolarSolver> gram_solver(Schedule schedule, const PolarOptions& options);

// Either of these two forms, whichever costs less for the shape.
std::unique_ptr<PolarSolver> by_shape_solver(const Schedule& schedule, const PolarOptions& options);

// by_shape_solver() in the dtype that the device multiplies fastest, see fast.cpp.
std::unique_ptr<PolarSolver> fast_solver(const Schedule& schedule, const PolarOptions& options);

// The ratio of a matrix' sides from which on the Gram form costs less.
constexpr double kGramAspect = 1.5;

// The iteration that "fast_" + a schedule's name takes where a device multiplies operands rounded
// to 16 bits faster than float32's, for matrices whose shorter side has `rows` elements or more.
// is_long: whether the other side is at least kGramAspect times as long.
PolynomialIteration half_iteration(const Schedule& schedule, int64_t steps, int64_t rows,
                                   bool is_long);

// U V^T from an SVD in float32 or float64.
std::unique_ptr<PolarSolver> svd_solver(const PolarOptions& options);

// (X X^T + ridge I)^{-1/2} X by the coupled Newton iteration, in float32 or float64.
std::unique_ptr<PolarSolver> newton_solver(const PolarOptions& options);

// The factor by which the Gram form may enlarge the rounding error of R before it restarts, see
// gram.cpp: in float32; and with R in float32 but products of operands rounded to 16 bits.
constexpr double kMaxErrorGrowth = 3500, kMaxHalfErrorGrowth = 205;

// The steps after which the Gram form returns to X. first_norm: |R| at the beginning.
std::vector<int64_t> gram_restarts(const Schedule& schedule, int64_t steps,
                                   double max_error_growth = kMaxErrorGrowth,
                                   double first_norm = 1);

}  // namespace steepest::polar
