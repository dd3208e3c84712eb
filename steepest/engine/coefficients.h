// SPDX-License-Identifier: Apache-2.0
// What each block's direction is multiplied by: from its radius alone, or from all blocks' duals.
#pragma once

#include "steepest/engine/bucket.h"
#include "steepest/engine/update.h"

namespace steepest {

class Coefficients {
 public:
  explicit Coefficients(const StepInput& in) : in_(in) {}

  // Of a recipe that needs duals: duals[i] of block i, [batch] float64; undefined, and 0, for a
  // block without a gradient. `linear`: Momo's sum of the h_l, else undefined.
  void combine_duals(std::vector<at::Tensor> duals, const at::Tensor& linear,
                     const at::Tensor& loss, GlobalState& global, StepStats& stats);

  // Of a direction that is still to be multiplied by scale and, where it is defined, factor
  // [batch].
  Coefficient of(const Block& block, double scale, const at::Tensor& factor,
                 const at::Device& device) const;

 private:
  bool regularized() const { return in_.plan.recipe.update == Update::regularized; }
  double radius(const Block& block) const;

  const StepInput& in_;
  at::Tensor each_;  // [leaves] float64, where they depend on duals
};

}  // namespace steepest
