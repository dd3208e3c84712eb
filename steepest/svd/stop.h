// SPDX-License-Identifier: Apache-2.0
// When the Ritz values of an iteration are good enough.
#pragma once

#include <algorithm>
#include <cstdint>

#include "steepest/svd/target.h"
#include "steepest/svd/types.h"

namespace steepest::svd {

class StopRule {
 public:
  // Makes the rule that says when Ritz values are near enough to the triplets that `target` wants,
  // by the options' tol and stop. Ritz values up to `noise` count as zero.
  StopRule(const SvdOptions& options, const Target& target, double noise);

  // Whether a test is to be made after so many passes: tests cost time, so that they are some
  // passes apart.
  bool is_due(int64_t passes) const { return passes >= next_; }
  // Whether has_converged() needs residuals: for all stops but "value".
  bool needs_residuals() const { return kind_ != Kind::value; }
  // Whether it needs them for the values s of the next test: not while these still grow.
  bool needs_residuals(const Values& s) const;
  // Whether the values have to be those to which the residuals belong, and not better ones.
  bool needs_own_values() const { return kind_ == Kind::approximation; }

  // Returns how many Ritz values have to show: those that the target needs, and for the stop
  // "approximation" one more, as the next value counts there, which may be hidden behind them.
  int64_t needed(const Values& s) const {
    return target_.needed(s) + (kind_ == Kind::approximation ? 1 : 0);
  }

  // Makes a test after so many passes, and sets when the next one is due: returns whether the
  // iteration may end. It may when the values s have converged at this test and at the one before
  // it, or after require_one_test() at this one. residual_i = |A^T u_i - s_i v_i|; it may be empty
  // unless needs_residuals().
  bool has_converged(int64_t passes, Values s, const Values& residual);

  // Lets one test that is passed be enough, for a start that is near the answer, or for the stop
  // "approximation" a space of many pseudo-random columns; else two are required again once the
  // value turns out to be far above that of the first test.
  void require_one_test() { required_ = 1; }
  // Whether the last test was passed, but not the one before it, so that the next one decides.
  bool is_pending_confirmation() const { return streak_ == 1; }
  // Whether a costly proof of convergence is worth trying: not where the last test has shown that
  // much is still to come. The first three tests know too little to show that.
  bool is_worth_proving() const { return tests_ <= 3 || streak_ > 0; }

  // Puts off the next test until so many more passes after the last one.
  void defer(int64_t passes) { next_ = std::max(next_, last_passes_ + passes); }
  // Forgets the tests that were passed, and puts off the next one until so many more passes: for an
  // iteration that may have missed a value.
  void reset(int64_t passes) { streak_ = 0, defer(passes); }

 private:
  enum class Kind { value, subspace, approximation };

  // Whether the target's value of s, which has grown by `gain` since the last test, has settled so
  // far that residuals mean something.
  bool has_settled(const Values& s, double gain, double value) const;
  // Whether the values s, whose sum or dual norm has grown from the last test's to `value`, are
  // within the tolerance by the rule; `between` passes have been made since.
  bool is_within(const Values& s, const Values& residual, double value, double between) const;
  // Estimates by how much the target's value has yet to grow, after it grew by `gain` since the
  // test before, which is `rate` per pass.
  double remainder(double gain, double rate) const;

  Kind kind_;
  double tol_;
  Target target_;
  double noise_;
  int64_t next_ = 0, last_passes_ = 0;                  // passes at the next test and the last one
  int64_t tests_ = 0, streak_ = 0, required_ = 2;       // streak_: tests passed in a row
  double first_value_ = 0, last_value_ = 0, rate_ = 0;  // rate_: the last gain, per pass
};

// Whether a singular value among the first k of s, descending, may have a multiplicity of
// `multiplicity` or more. A Krylov space that has grown from w vectors holds at most w copies of a
// value, so that as many equal Ritz values hint at more. Equal are values within 1e-3 of each other
// and s_1 `noise`, or within min(tol, 1e-2) if the gap to all others is twice as wide.
bool may_be_multiple(const Values& s, int64_t k, int64_t multiplicity, double tol, double noise);

}  // namespace steepest::svd
