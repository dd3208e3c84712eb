// SPDX-License-Identifier: Apache-2.0
// The closed sets of choices; options/choice_names.h has their names.
#pragma once

#include "steepest/base/api.h"

namespace STEEPEST_API steepest {

enum class Outer { max, l2, hybrid };
enum class UpdateForm { constrained, regularized };
enum class StepSize { fixed, momo };
enum class DualAge { fresh, stale };
enum class DirectionStorage {
  stored,     // a fresh direction is kept until it is applied
  recomputed  // or computed twice, which saves its memory
};
enum class BackupBlocks { per_tensor, flattened };
enum class MomoModel { inner_products, recursive };  // of f~: from <m, w>, or from the steps taken
enum class FStarRule { given, level, momo_star };    // or tracked above f_star
enum class MomentumForm { ema, heavy_ball };
enum class MomentumStart {
  zero,
  corrected,  // zero, with bias correction
  first       // the first gradient
};
enum class MomentumPlace { before, after };  // momentum before the norm, or after it
enum class Decay {
  plain,        // W <- (1 - lr wd) W
  cautious,     // the same where it does not work against the step: entries with s w >= 0
  independent,  // W <- (1 - wd) W, whatever the learning rate
  anchored,     // W <- W - lr wd (W - W_0) towards the weights W_0 of the first step
  soda          // the same with wd / (t + 1) at step t (arXiv 2605.11172)
};
enum class Nonfinite { propagate, skip };  // a step with a NaN or Inf gradient or loss

}  // namespace steepest
