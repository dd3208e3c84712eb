// SPDX-License-Identifier: Apache-2.0
// What is asked of a matrix, and when the answer is good enough.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "steepest/svd/svd.h"

namespace steepest::svd {

// s: Ritz values, descending.
using Values = std::vector<double>;
Values values(const at::Tensor& x);  // x on the host
Values roots(Values squares);        // of what is rounding below zero: 0

// So many of the first k of s, or more, are one value, in parts `tie` of it and s_1 `noise`; or
// within ten times the tie and far from all others. As many as a block is wide: a Krylov space has
// no more of a multiple value.
bool may_be_tied(const Values& s, int64_t k, int64_t times, double tol, double noise);

// The leading k triplets; or, to shrink, all with s > tau = max_k (s_1 + .. + s_k) / (k + 1).
struct Target {
  int64_t k;
  bool shrink = false;
  int64_t most = 0;  // min(r, c): there are no more

  // Ritz values needed to answer: to shrink, one more, which is not above tau.
  int64_t needed(const Values& s) const { return shrink ? std::min(count(s) + 1, most) : k; }

  int64_t count(const Values& s) const;  // of triplets wanted
  // The dual norm: sum_{i<=k} s_i, or to shrink sqrt(tau^2 + |[s - tau]+|^2).
  double value(const Values& s) const;
  // Estimated error of sum u v^T (|.|_F relative to its own), or to shrink of U [s - tau]+ V^T.
  double error(const Values& s, const Values& residual) const;
};

double shrinkage(const Values& s);  // tau

class StopRule {
 public:
  StopRule(const SvdOptions& options, const Target& target, double noise);

  bool due(int64_t passes) const { return passes >= next_; }
  // The start is near the answer: one good test is enough, if the first value was not far off.
  void trust() { needed_ = 1; }
  bool needs_residuals() const { return subspace_; }
  // May iteration end, after so many passes? residual_i = |A^T u_i - s_i v_i|.
  bool settled(int64_t passes, Values s, const Values& residual);
  // Settled at one test, so the next one decides: not before `passes` more.
  bool on_probation() const { return streak_ == 1; }
  // The last test did not say that much is still to come. The first three know too little for that.
  bool hopeful() const { return tests_ <= 3 || streak_ > 0; }
  // Settled, but something may have been missed: not again before `passes` more.
  void doubt(int64_t passes) { streak_ = 0, postpone(passes); }
  void postpone(int64_t passes) { next_ = std::max(next_, last_passes_ + passes); }

 private:
  // Of the value, what is still to come: gain (rho + rho^2 + ..) if the gains go on falling by the
  // ratio rho by which the last one fell; but not faster than by halves.
  double remainder(double gain, double rate) const;

  bool subspace_;
  double tol_;
  Target target_;
  double noise_;
  int64_t next_ = 0, last_passes_ = 0, tests_ = 0, streak_ = 0, needed_ = 2;
  double first_value_ = 0, last_value_ = 0, last_rate_ = 0;  // gain for a pass
};

}  // namespace steepest::svd
