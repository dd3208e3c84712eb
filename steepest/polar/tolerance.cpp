// SPDX-License-Identifier: Apache-2.0
// The error in exact arithmetic is that of the schedule's polynomial on [low, 1], and the dtype
// adds its own: a singular value is rounded by a few eps. So half precision is left to tolerances
// above its rounding, float64 to those below float32's.

#include "steepest/polar/tolerance.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "steepest/polar/frame.h"
#include "steepest/polar/solvers.h"

namespace steepest {
namespace {

constexpr int64_t kMostSteps = 40;
// What rounding alone leaves, measured over matrices of up to 4096 rows: .02 and 1e-5.
constexpr double kHalfRounding = .05, kFloatRounding = 2e-5;

int64_t products_of(const Schedule& schedule, int64_t steps) {
  int64_t products = 0;
  for (const auto& p : schedule.first(steps)) products += p.c == 0 ? 2 : 3;
  return products;
}

// The fewest steps; none where the schedule never comes so close. Found on a coarse grid, which may
// miss a peak, and then proved.
std::optional<PolarChoice> choice_of(const Schedule& schedule, const Tolerance& t) {
  constexpr int kPoints = 400;
  std::vector<double> sigma(kPoints + 1);
  for (int i = 0; i <= kPoints; ++i)
    sigma[i] = std::pow(t.low, static_cast<double>(i) / kPoints) / schedule.safety;
  for (int64_t steps = 1; steps <= kMostSteps; ++steps) {
    double error = 0;
    for (auto& s : sigma) s = schedule.at(steps - 1)(s), error = std::max(error, std::abs(1 - s));
    if (error > t.tol) continue;
    error = schedule.error(t.low, steps);
    if (error <= t.tol) return PolarChoice{schedule, steps, error, products_of(schedule, steps)};
  }
  return {};
}

// Rounding takes its part of a tolerance near it; the polynomial has the rest. In half precision
// .03 to .07 at values near `low`, where the polynomial is steepest, if it takes few steps.
double share_of_polynomial(double tol) {
  if (tol >= kHalfRounding) return .65 * tol;
  return tol > 10 * kFloatRounding ? .9 * tol : .5 * tol;
}

class WithinTolerance final : public PolarSolver {
 public:
  WithinTolerance(const Tolerance& tolerance, PolarOptions options)
      : tolerance_(tolerance),
        choice_(cheapest_iteration({share_of_polynomial(tolerance.tol), tolerance.low})) {
    options.steps = choice_.steps;
    wide_ = fast_solver(choice_.schedule, with(options, at::kDouble));
    if (tolerance.tol >= kFloatRounding)
      narrow_ = fast_solver(choice_.schedule, with(options, at::kFloat));
    if (tolerance.tol >= kHalfRounding) narrow_ = fast_solver(choice_.schedule, options);
  }

  at::Tensor polar(const at::Tensor& x, bool may_overwrite) const override {
    check_batch(x);
    const auto& solver = x.scalar_type() == at::kDouble || !narrow_ ? wide_ : narrow_;
    return solver->polar(x, may_overwrite);
  }
  double bound(double l) const override { return wide_->bound(l); }
  std::string describe() const override {
    return c10::str("auto(tol=", tolerance_.tol, ", low=", tolerance_.low,
                    "): ", (narrow_ ? narrow_ : wide_)->describe());
  }

 private:
  static PolarOptions with(PolarOptions options, at::ScalarType dtype) {
    options.dtype = dtype;
    return options;
  }

  Tolerance tolerance_;
  PolarChoice choice_;
  std::unique_ptr<PolarSolver> wide_, narrow_;  // in float64; in what the tolerance allows
};

}  // namespace

PolarChoice cheapest_iteration(const Tolerance& t) {
  std::vector<Schedule> candidates;
  for (const auto& name : schedule_names()) candidates.push_back(named_schedule(name));
  candidates.push_back(polar_express({.low = t.low}));
  std::optional<PolarChoice> best;
  for (const auto& schedule : candidates) {
    const auto choice = choice_of(schedule, t);
    if (choice && (!best || choice->products < best->products)) best = choice;
  }
  TORCH_CHECK_VALUE(best.has_value(), "steepest::make_polar: tol: received ", t.tol, " from ",
                    t.low, " |x| on, allowed what ", kMostSteps, " steps reach");
  return *best;
}

std::unique_ptr<PolarSolver> tolerance_solver(const PolarOptions& options) {
  const Tolerance t{options.tol.value_or(Tolerance{}.tol), options.low.value_or(Tolerance{}.low)};
  TORCH_CHECK_VALUE(t.tol >= 1e-12 && t.tol < 1, "steepest::make_polar: tol: received ", t.tol,
                    ", allowed 1e-12 to below 1");
  TORCH_CHECK_VALUE(t.low >= 1e-8 && t.low < 1, "steepest::make_polar: low: received ", t.low,
                    ", allowed 1e-8 to below 1");
  TORCH_CHECK_VALUE(!options.steps && !options.dtype,
                    "steepest::make_polar: steps or dtype: received one with method \"auto\", "
                    "allowed unset: the tolerance decides");
  return std::make_unique<WithinTolerance>(t, options);
}

}  // namespace steepest
