// SPDX-License-Identifier: Apache-2.0
// Whether the Ritz values of a block Krylov space of A^T A have converged, and how many of them are
// wanted.
#pragma once

#include <cstdint>
#include <optional>

#include "steepest/svd/gram_operator.h"
#include "steepest/svd/krylov_space.h"
#include "steepest/svd/start_columns.h"
#include "steepest/svd/stop.h"

namespace steepest::svd {

class GramConvergence {
 public:
  // Makes the tests of one Krylov space, which begin() begins. width: the columns of a block. half:
  // whether products may be made in float16. `problem` has to outlive this.
  GramConvergence(const Problem& problem, int64_t width, bool half)
      : problem_(problem), width_(width), half_(half) {}

  // Begins the tests, after the first product A V with the first block V of the Krylov space. size:
  // |A V|_F, whose rounding is the level below which values count as zero. warm_columns: how many
  // columns of V come from a warm start.
  void begin(double size, int64_t warm_columns);
  // Whether begin() has been called.
  bool has_begun() const { return stop_.has_value(); }

  // Whether the space holds the wanted triplets to the tolerance, to be asked after each product.
  // Where it may have missed copies of a multiple value, the answer is no, and random columns from
  // which they can be found are added to `starts`.
  bool is_reached(const KrylovSpace& space, const GramOperator& product, StartColumns& starts);

  // Returns the number of wanted triplets, as far as the last test tells.
  int64_t wanted() const { return wanted_; }

 private:
  // Tests the space's Ritz values, where a test is due: whether the stop rule is satisfied and the
  // space can have missed no value; false where none is due. It sets wanted_, and may add random
  // columns to `starts` as is_reached() says.
  bool has_passed_tests(const KrylovSpace& space, const GramOperator& product,
                        StartColumns& starts);
  struct Estimates {
    Values s, residuals;  // empty where they are not needed
  };
  // Returns the space's Ritz values, descending, and where the stop rule needs them the residuals
  // |A^T u_i - s_i v_i|: then of the wanted values and of a block more, and no others.
  Estimates estimates(const KrylovSpace& space) const;
  // Whether residuals alone prove convergence, which saves waiting for the second test of the stop
  // rule; false, too, where the space is too small or too large for a proof. noise: the relative
  // error of the values.
  bool has_proof(const KrylovSpace& space, const StartColumns& starts, double noise) const;
  // Whether the Krylov space may lack copies of a multiple value among the wanted values s, as it
  // grows from too few columns, those of `starts`. noise: the relative error of the values.
  bool may_miss_copies(const Values& s, const StartColumns& starts, double noise) const;

  const Problem& problem_;
  int64_t width_;
  bool half_;
  std::optional<StopRule> stop_;
  int64_t wanted_ = 1;
  bool is_warm_ = false, first_step_may_do_ = false;  // by the start
};

}  // namespace steepest::svd
