// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Lion with the paper's betas (.9, .99): the direction is the sign of b1 m +
// (1 - b1) g, and m then takes g by b2. That is an EMA by b2 with the look-ahead c = b1 / b2
// (momentum.h). Decoupled decay; rates a third to a tenth of AdamW's, decay as much larger.
Recipe lion() {
  const double b1 = 0.9, b2 = 0.99;
  const Choices all{.norm = "inf",
                    .lr = 3e-3,
                    .momentum = b2,
                    .nesterov = true,
                    .start = MomentumStart::zero,
                    .nesterov_momentum = b1 / b2};
  return {.name = "lion",
          .paper = "Chen et al. 2023, arXiv 2302.06675",
          .equation = "W -= lr sign(b1 m + (1 - b1) g);  m = b2 m + (1 - b2) g",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = all,
          .backup = all};
}

}  // namespace steepest::optimizers
