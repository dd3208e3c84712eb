// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/stop.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace steepest::svd {
namespace {

// The value of a test gained on the one before it is at most this, for the estimates of the
// vectors' error to mean anything: before that they are too small.
constexpr double kSettling = 1e-3;

constexpr double kSlowest = 0.9, kFastest = 0.5;
constexpr double kNear = 0.9;  // a start's value to the answer's
constexpr int64_t kSpacing = 12;

double square(double x) { return x * x; }

}  // namespace

Values values(const at::Tensor& x) {
  const auto host = x.to(at::kCPU, at::kDouble).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

Values roots(Values squares) {
  for (double& x : squares) x = std::sqrt(std::max(x, 0.0));
  return squares;
}

bool may_be_tied(const Values& s, int64_t k, int64_t times, double tol, double noise) {
  constexpr double kTie = 1e-3, kLooseTie = 1e-2;
  for (int64_t i = 0; i + times < std::min(k, std::ssize(s) - 1); ++i) {
    const double spread = s[i] - s[i + times - 1], gap = s[i + times - 1] - s[i + times];
    if (spread <= kTie * s[i] + noise * s[0]) return true;
    if (spread <= std::min(std::min(tol, kLooseTie) * s[i], gap / 2)) return true;
  }
  return false;
}

double shrinkage(const Values& s) {
  double tau = 0, sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    sum += s[i];
    tau = std::max(tau, sum / static_cast<double>(i + 2));
  }
  return tau;
}

int64_t Target::count(const Values& s) const {
  if (!shrink) return k;
  const double tau = shrinkage(s);
  return std::count_if(s.begin(), s.end(), [&](double x) { return x > tau; });
}

double Target::value(const Values& s) const {
  const auto end = s.begin() + std::min<int64_t>(k, std::ssize(s));
  if (!shrink) return std::accumulate(s.begin(), end, 0.0);
  const double tau = shrinkage(s);
  double sum = square(tau);
  for (double x : s) sum += square(std::max(x - tau, 0.0));
  return std::sqrt(sum);
}

double Target::error(const Values& s, const Values& residual) const {
  const int64_t n = count(s);
  const double next = n < std::ssize(s) ? s[n] : 0, tau = shrink ? shrinkage(s) : 0;
  double error = 0, size = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (s[i] == 0) continue;  // such a triplet is returned as zero
    // Shrinking is the proximal map of a norm: it moves no more than its argument does. Keeping k
    // triplets turns by residual / gap.
    error += shrink ? 2 * square(residual[i]) : square(std::min(1.0, residual[i] / (s[i] - next)));
    size += shrink ? square(s[i] - tau) : 1;
  }
  return size > 0 ? std::sqrt(error / size) : 0;
}

StopRule::StopRule(const SvdOptions& options, const Target& target, double noise)
    : subspace_(options.stop == "subspace"), tol_(options.tol), target_(target), noise_(noise) {}

bool StopRule::settled(int64_t passes, Values s, const Values& residual) {
  for (double& x : s) x = x > noise_ ? x : 0;
  const double value = target_.value(s), between = static_cast<double>(passes - last_passes_);
  const double gain = value - last_value_, rate = gain / between;
  const bool good = subspace_ ? gain <= kSettling * value && target_.error(s, residual) <= tol_
                              : remainder(gain, rate) <= tol_ * value;
  streak_ = good && tests_ > 0 && std::ssize(s) >= target_.needed(s) ? streak_ + 1 : 0;
  if (tests_ == 0) first_value_ = value;
  if (first_value_ < kNear * value) needed_ = 2;
  ++tests_;
  last_passes_ = passes;
  last_value_ = value;
  last_rate_ = tests_ > 1 ? rate : 0;  // the first value is no gain
  next_ = passes + std::max<int64_t>(2, passes / kSpacing);
  return streak_ >= needed_;
}

double StopRule::remainder(double gain, double rate) const {
  if (gain <= 0) return 0;
  const double ratio =
      last_rate_ > 0 ? std::clamp(rate / last_rate_, kFastest, kSlowest) : kSlowest;
  return gain * ratio / (1 - ratio);
}

}  // namespace steepest::svd
