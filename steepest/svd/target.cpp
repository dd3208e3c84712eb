// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/target.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "steepest/svd/error_bound.h"

namespace steepest::svd {
Values values(const at::Tensor& x) {
  const auto host = x.to(at::kCPU, at::kDouble).contiguous();
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

Values roots(Values squares) {
  for (double& x : squares) x = std::sqrt(std::max(x, 0.0));
  return squares;
}

double shrinkage_threshold(const Values& s) {
  double tau = 0, sum = 0;
  for (size_t i = 0; i < s.size(); ++i) {
    sum += s[i];
    tau = std::max(tau, sum / static_cast<double>(i + 2));
  }
  return tau;
}

// Returns the threshold of singular values s [p], descending, on a device, as a tensor [], so that
// nothing waits for the device.
at::Tensor shrinkage_threshold(const at::Tensor& s) {
  return (s.cumsum(0) / at::arange(2, s.size(0) + 2, s.options())).amax();
}

int64_t Target::count(const Values& s) const {
  if (!shrink) return k;
  const double tau = shrinkage_threshold(s);
  return std::count_if(s.begin(), s.end(), [&](double x) { return x > tau; });
}

int64_t Target::needed(const Values& s) const {
  return shrink ? std::min(count(s) + 1, max_rank) : k;
}

double Target::value(const Values& s) const {
  const auto end = s.begin() + std::min<int64_t>(k, std::ssize(s));
  if (!shrink) return std::accumulate(s.begin(), end, 0.0);
  const double tau = shrinkage_threshold(s);
  double sum = square(tau);
  for (double x : s) sum += square(std::max(x - tau, 0.0));
  return std::sqrt(sum);
}

double Target::error(const Values& s, const Values& residual) const {
  const int64_t n = count(s);
  const double next = n < std::ssize(s) ? s[n] : 0, tau = shrink ? shrinkage_threshold(s) : 0;
  double error = 0, size = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (s[i] == 0) continue;  // such a triplet is returned as zero
    // Soft thresholding is the proximal map of a norm, which moves no more than its argument does.
    // The projection on k triplets turns by residual / gap (Davis & Kahan 1970).
    error += shrink ? 2 * square(residual[i]) : square(std::min(1.0, residual[i] / (s[i] - next)));
    size += shrink ? square(s[i] - tau) : 1;
  }
  return size > 0 ? std::sqrt(error / size) : 0;
}

double Target::gain_of_error(const Values& s, double tol) const {
  const double total = value(s), tau = shrinkage_threshold(s);
  return total > 0 ? square(tol) * (square(total) - square(tau)) / (2 * total) : 0;
}

double Target::approximation_error(const Values& s, const Values& residual) const {
  const int64_t n = count(s);
  const bool shows_next = std::ssize(s) > n || std::ssize(s) >= max_rank;
  if (!shows_next || residual.size() < s.size()) return std::numeric_limits<double>::infinity();
  return shrink ? shrinkage_error(s, residual) : truncation_error(s, residual, n);
}

}  // namespace steepest::svd
