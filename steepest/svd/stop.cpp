// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/stop.h"

#include <algorithm>

namespace steepest::svd {
namespace {

// The tests by residuals are taken only once a value gains at most this part in a test, or the
// square of the tolerance of "approximation". Before that the estimates of the vectors' error are
// far too small.
constexpr double kMaxGain = 1e-3;

// Times what the value gains on the way from the tolerated error: after a last gain above that, the
// bound by residuals, which is some times larger than the error, is hardly within the tolerance.
constexpr double kFarGain = .3;

// The ratio of two gains in a row is assumed to lie between these.
constexpr double kMaxRateRatio = 0.9, kMinRateRatio = 0.5;

// A start whose value is below this part of the later ones was not near the answer.
constexpr double kMinFirstValue = 0.9;

constexpr int64_t kTestSpacing = 12;  // a test for each so many passes

}  // namespace

StopRule::StopRule(const SvdOptions& options, const Target& target, double noise)
    : kind_(options.stop == "value"      ? Kind::value
            : options.stop == "subspace" ? Kind::subspace
                                         : Kind::approximation),
      tol_(options.tol),
      target_(target),
      noise_(noise) {}

bool StopRule::has_converged(int64_t passes, Values s, const Values& residual) {
  for (double& x : s) x = x > noise_ ? x : 0;
  const double value = target_.value(s), between = static_cast<double>(passes - last_passes_);
  const double rate = (value - last_value_) / between;
  const bool good = is_within(s, residual, value, between);
  streak_ = good && tests_ > 0 && std::ssize(s) >= target_.needed(s) ? streak_ + 1 : 0;
  if (tests_ == 0) first_value_ = value;
  const bool is_far = kind_ != Kind::approximation && first_value_ < kMinFirstValue * value;
  if (is_far) required_ = 2;
  ++tests_;
  last_passes_ = passes;
  last_value_ = value;
  rate_ = tests_ > 1 ? rate : 0;  // the first value is no gain
  next_ = passes + std::max<int64_t>(2, passes / kTestSpacing);
  return streak_ >= required_;
}

// With shrinkage the value's gain to come is at most half the square of the error over the value
// (error_bound.cpp), so that a last gain far above that need not be looked at.
bool StopRule::has_settled(const Values& s, double gain, double value) const {
  if (kind_ == Kind::subspace) return gain <= kMaxGain * value;
  const double part = std::max(kMaxGain, tol_ * tol_);
  const double far = target_.shrink ? kFarGain * target_.gain_of_error(s, tol_) : value;
  return gain <= std::min(part * value, far);
}

bool StopRule::needs_residuals(const Values& s) const {
  const double value = target_.value(s);
  return needs_residuals() && has_settled(s, value - last_value_, value);
}

bool StopRule::is_within(const Values& s, const Values& residual, double value,
                         double between) const {
  const double gain = value - last_value_;
  switch (kind_) {
    case Kind::value:
      return remainder(gain, gain / between) <= tol_ * value;
    case Kind::subspace:
      return has_settled(s, gain, value) && target_.error(s, residual) <= tol_;
    default:
      return has_settled(s, gain, value) && target_.approximation_error(s, residual) <= tol_;
  }
}

// Each gain to come is taken to be rho times the one before it, so that they sum to gain (rho +
// rho^2 + ..) = gain rho / (1 - rho). rho is what the gain per pass has last fallen by, rate /
// rate_, within kMinRateRatio and kMaxRateRatio. A gain of 0 or less leaves nothing to come.
double StopRule::remainder(double gain, double rate) const {
  if (gain <= 0) return 0;
  const double ratio =
      rate_ > 0 ? std::clamp(rate / rate_, kMinRateRatio, kMaxRateRatio) : kMaxRateRatio;
  return gain * ratio / (1 - ratio);
}

bool may_be_multiple(const Values& s, int64_t k, int64_t multiplicity, double tol, double noise) {
  constexpr double kTie = 1e-3, kLooseTie = 1e-2;
  for (int64_t i = 0; i + multiplicity < std::min(k, std::ssize(s) - 1); ++i) {
    const double last = s[i + multiplicity - 1];
    const double spread = s[i] - last, gap = last - s[i + multiplicity];
    if (spread <= kTie * s[i] + noise * s[0]) return true;
    if (spread <= std::min(std::min(tol, kLooseTie) * s[i], gap / 2)) return true;
  }
  return false;
}

}  // namespace steepest::svd
