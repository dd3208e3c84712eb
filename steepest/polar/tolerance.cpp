// SPDX-License-Identifier: Apache-2.0
// In exact arithmetic the error is that of the schedule's polynomial on [low, 1]; the dtype adds
// its own, as a singular value is rounded by a few eps. Half precision is therefore used for
// tolerances above its rounding error only, and float64 for those below float32's.

#include "steepest/polar/tolerance.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "steepest/polar/normalize.h"
#include "steepest/polar/solvers.h"

namespace steepest::polar {
namespace {

constexpr int64_t kMaxStepsTried = 40;
// The tolerances from which on half precision and float32 are used: at least twice the error that
// rounding alone leaves, which is .02 and 1e-5, measured for matrices of up to 4096 rows.
constexpr double kHalfRounding = .05, kFloatRounding = 2e-5;

// Returns the number of matrix products in the first `steps` steps of a schedule: X X^T, its square
// where c is not 0, and the one with X.
int64_t products_of(const Schedule& schedule, int64_t steps) {
  int64_t products = 0;
  for (const auto& p : schedule.first(steps)) products += p.c == 0 ? 2 : 3;
  return products;
}

// Returns the fewest steps of a schedule that meet the tolerance, with their error and cost;
// nothing where kMaxStepsTried of them do not. They are sought on a coarse grid of singular values,
// which may miss a peak, and confirmed on a fine one.
std::optional<PolarChoice> choice_of(const Schedule& schedule, const Tolerance& t) {
  constexpr int kPoints = 400;
  std::vector<double> sigma(kPoints + 1);
  for (int i = 0; i <= kPoints; ++i)
    sigma[i] = std::pow(t.low, static_cast<double>(i) / kPoints) / schedule.safety;
  for (int64_t steps = 1; steps <= kMaxStepsTried; ++steps) {
    double error = 0;
    for (auto& s : sigma) s = schedule.at(steps - 1)(s), error = std::max(error, std::abs(1 - s));
    if (error > t.tol) continue;
    error = schedule.error(t.low, steps);
    if (error <= t.tol) return PolarChoice{schedule, steps, error, products_of(schedule, steps)};
  }
  return {};
}

// Returns the part of a tolerance on max |1 - sigma'| that is left to the polynomial: rounding
// takes the rest. In half precision that is .03 to .07 at values near `low`, where a polynomial of
// few steps is steepest.
double polynomial_tolerance(double tol) {
  if (tol >= kHalfRounding) return .65 * tol;
  return tol > 10 * kFloatRounding ? .9 * tol : .5 * tol;
}

class WithinTolerance final : public PolarSolver {
 public:
  // Chooses the cheapest iteration and makes it in float64 and, where the tolerance is above the
  // rounding of float32, or of half precision, in that as well: cheapest_ is the one of least
  // precision, null where only float64 will do.
  WithinTolerance(const Tolerance& tolerance, PolarOptions options)
      : tolerance_(tolerance),
        choice_(cheapest_iteration({polynomial_tolerance(tolerance.tol), tolerance.low})) {
    options.steps = choice_.steps;
    double_ = fast_solver(choice_.schedule, in_dtype(options, at::kDouble));
    if (tolerance.tol >= kFloatRounding)
      cheapest_ = fast_solver(choice_.schedule, in_dtype(options, at::kFloat));
    if (tolerance.tol >= kHalfRounding) cheapest_ = fast_solver(choice_.schedule, options);
  }

  // Returns the polar factors of x [B, r, c] in its dtype: computed in float64 for a float64 x, or
  // where the tolerance demands it, else as the tolerance allows.
  at::Tensor polar(const Batch& x) const override {
    check_batch(x.matrices);
    const bool in_double = x.matrices.scalar_type() == at::kDouble || !cheapest_;
    return (in_double ? double_ : cheapest_)->polar(x);
  }
  // Returns max |1 - sigma'| over the singular values sigma in [l, 1], which become sigma', in
  // exact arithmetic.
  double bound(double l) const override { return double_->bound(l); }
  // Returns what runs, for a person to read: "auto(tol=0.01, low=0.001): " and the description of
  // the solver that was chosen.
  std::string describe() const override {
    return c10::str("auto(tol=", tolerance_.tol, ", low=", tolerance_.low,
                    "): ", (cheapest_ ? cheapest_ : double_)->describe());
  }

 private:
  // Returns the options with their dtype replaced.
  static PolarOptions in_dtype(PolarOptions options, at::ScalarType dtype) {
    options.dtype = dtype;
    return options;
  }

  Tolerance tolerance_;
  PolarChoice choice_;
  std::unique_ptr<PolarSolver> double_;
  std::unique_ptr<PolarSolver> cheapest_;  // in the dtype that the tolerance allows, if not float64
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
  TORCH_CHECK_VALUE(best.has_value(), "polar_tol: received ", t.tol, " from ", t.low,
                    " |x| on, allowed what ", kMaxStepsTried, " steps reach");
  return *best;
}

std::unique_ptr<PolarSolver> tolerance_solver(const PolarOptions& options) {
  const Tolerance t{options.tol.value_or(Tolerance{}.tol), options.low.value_or(Tolerance{}.low)};
  TORCH_CHECK_VALUE(t.tol >= 1e-12 && t.tol < 1, "polar_tol: received ", t.tol,
                    ", allowed 1e-12 to below 1");
  TORCH_CHECK_VALUE(t.low >= 1e-8 && t.low < 1, "polar_low: received ", t.low,
                    ", allowed 1e-8 to below 1");
  TORCH_CHECK_VALUE(!options.steps && !options.dtype,
                    "polar_steps or polar_dtype: received one with method \"auto\", "
                    "allowed unset: the tolerance decides");
  return std::make_unique<WithinTolerance>(t, options);
}

}  // namespace steepest::polar
