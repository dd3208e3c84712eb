// SPDX-License-Identifier: Apache-2.0
// Stages 4 and 5 of a step, combine and size: what each block's direction is multiplied by, from
// its radius alone, or from the duals of all blocks and the step size's factor.
#pragma once

#include "steepest/engine/apply.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

class StepScales {
 public:
  // Keeps a reference to the step's input.
  explicit StepScales(const StepInput& in) : in_(in) {}

  // Asks the outer norm, and sets dual_ to the network's dual norm D, radii_ to the effective radii
  // and coefficients_ to each matrix' coefficient c (regularized) or c / D (constrained), 0 where D
  // is 0. duals[i], [batch] float64, has the dual norms of the matrices of block i; it is
  // undefined, which counts as 0, for a block without a gradient. With lr_auto the two sides are
  // balanced first, by `global`.
  void combine(std::vector<at::Tensor> duals, GlobalState& global);

  // Returns the network's dual norm D, 0-dim float64, of the duals that combine() takes, for the
  // record: no coefficient follows from it.
  at::Tensor dual_norm(std::vector<at::Tensor> duals);

  // Multiplies the coefficients that combine() has found for the matrices by Momo's factor q of the
  // step, where the recipe has Momo, and by each matrix' effective radius R_l; writes the dual
  // norm, the coefficients and Momo's numbers to `stats`. Momo alone reads `linear`, which is
  // LinearModel::sum_of_linear_parts(), and `loss`, 0-dim, and advances its state `global`.
  void apply_step_size(const LinearParts& linear, const at::Tensor& loss, GlobalState& global,
                       StepStats& stats);

  // Returns what a block's direction is multiplied by: a number, or a tensor on `device`. It
  // includes `scale` and, where the duals of other blocks play no part, `factor` [batch], the dual
  // of a sharp direction: both are the Direction's, see measure.h.
  Coefficient coefficient_of(const Block& block, double scale, const at::Tensor& factor,
                             const at::Device& device) const;
  // Returns the same of all blocks of a bucket whose radii are equal: a number, or a tensor [B].
  Coefficient coefficient_of(const Bucket& bucket, double scale, const at::Tensor& factor,
                             const at::Device& device);

 private:
  // Whether updates grow with the dual norm of the whole network.
  bool regularized() const { return in_.plan.recipe.update == UpdateForm::regularized; }
  // Returns the block's effective radius R_l: lr r, or sqrt(lr) r of a regularized step, for the
  // radius r that the recipe's rule gives the block.
  double radius(const Block& block) const;

  // Returns R_l of each leaf, [leaves] float64, on the device.
  at::Tensor radii_on(const at::Device& device) const;

  // Sets radii_, and returns the leaves' duals times them, d [leaves] float64; `duals` is as of
  // combine().
  at::Tensor scaled_duals(std::vector<at::Tensor> duals);

  // Returns what coefficient_of() does where the duals of other blocks play no part.
  Coefficient fixed_coefficient(const Block& block, double scale, const at::Tensor& factor) const;

  const StepInput& in_;
  at::Tensor radii_;         // R_l of each leaf, [leaves] float64
  at::Tensor dual_;          // D
  Coefficient factors_;      // of coefficients_, for lists of blocks; made when first needed
  at::Tensor coefficients_;  // [leaves] float64; undefined where they do not depend on duals
};

}  // namespace steepest::engine
