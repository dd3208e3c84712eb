// SPDX-License-Identifier: Apache-2.0
// Stages 4 and 5 of a step, combine and size: what each block's direction is multiplied by, from
// its radius alone, or from the duals of all blocks and the step size's factor.
#pragma once

#include "steepest/engine/apply.h"

namespace steepest::engine {

class StepScales {
 public:
  explicit StepScales(const StepInput& in) : in_(in) {}

  // Finds D and the leaves' c (regularized) or c / D (constrained) of the outer norm. duals[i],
  // [batch] float64, is that of block i; undefined, and 0, for a block without a gradient.
  void combine(std::vector<at::Tensor> duals);

  // Multiplies what combine() has found by q and by the radii, and reports all of it in `stats`.
  // `linear` is Momo's sum of the h_l, else undefined; `global` is Momo's state, which advances.
  void size(const at::Tensor& linear, const at::Tensor& loss, GlobalState& global,
            StepStats& stats);

  // Returns what a block's direction is multiplied by, its own `scale` included; also its own
  // `factor` [batch], where that is defined and combine() was not needed.
  Coefficient of(const Block& block, double scale, const at::Tensor& factor,
                 const at::Device& device) const;

 private:
  bool regularized() const { return in_.plan.recipe.update == UpdateForm::regularized; }
  double radius(const Block& block) const;

  const StepInput& in_;
  at::Tensor radii_;  // R_l of each leaf, [leaves] float64
  at::Tensor dual_;   // D
  at::Tensor each_;   // [leaves] float64; undefined where they do not depend on duals
};

}  // namespace steepest::engine
