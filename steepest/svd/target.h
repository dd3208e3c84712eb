// SPDX-License-Identifier: Apache-2.0
// Which triplets of a matrix are wanted, and how far approximate ones are from them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace steepest::svd {

using Values = std::vector<double>;  // singular or Ritz values on the host, descending

// Returns the elements of x [p] copied to the host, for which it waits for x's device.
Values values(const at::Tensor& x);
// Returns sqrt(max(x, 0)) of each x of the squares, as rounding may leave a zero negative.
Values roots(Values squares);

// Returns the threshold tau = max_k (s_1 + .. + s_k) / (k + 1) of soft thresholding, for which the
// singular values s, descending, satisfy sum_i [s_i - tau]+ = tau.
double shrinkage_threshold(const Values& s);
// The same of a tensor s [p] as [], without waiting for its device.
at::Tensor shrinkage_threshold(const at::Tensor& s);

// The leading k triplets; or, with `shrink`, all triplets with s > tau.
struct Target {
  int64_t k;  // with `shrink`, a first guess
  bool shrink = false;
  int64_t max_rank = 0;  // min(r, c)

  // Returns the number of wanted triplets, as far as the Ritz values s, descending, tell: k, or
  // with `shrink` those above tau.
  int64_t count(const Values& s) const;
  // Returns how many Ritz values have to be known to tell the wanted triplets: with `shrink` one
  // more than count(s), which shows that it is below tau.
  int64_t needed(const Values& s) const;
  // Returns the dual norm that the Ritz values s, descending, attain: sum_{i<=k} s_i, or with
  // `shrink` sqrt(tau^2 + |[s - tau]+|^2).
  double value(const Values& s) const;
  // Returns an estimate of the error of U V^T, the sum of u_i v_i^T over the wanted triplets, or
  // with `shrink` of U [s - tau]+ V^T, relative to its Frobenius norm; s and residual have the Ritz
  // values and |A^T u_i - s_i v_i| of each.
  double error(const Values& s, const Values& residual) const;
  // Returns, with `shrink`, what value(s) gains at most from where U [s - tau]+ V^T has the
  // relative error tol: (tol |[s - tau]+|)^2 / (2 value).
  double gain_of_error(const Values& s, double tol) const;
  // Returns a bound of the error of U S V^T, the sum of s_i u_i v_i^T over the wanted triplets, or
  // with `shrink` of U [s - tau]+ V^T, relative to its Frobenius norm, for Ritz triplets and their
  // residuals as error_bound.h says. Infinity where s and residual do not tell.
  double approximation_error(const Values& s, const Values& residual) const;
};

}  // namespace steepest::svd
