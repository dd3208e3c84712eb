// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Signum, signSGD with momentum: W <- W - lr sign(m), the constrained step in
// the largest entry; momentum .9 from zero, as in the paper.
Recipe signum() {
  const Choices all{
      .norm = "inf", .lr = 3e-3, .momentum = 0.9, .start = MomentumStart::zero, .weight_decay = 0};
  return {.name = "signum",
          .paper = "Bernstein et al. 2018, arXiv 1802.04434, algorithm 2",
          .equation = "m = b m + (1 - b) g;  W -= lr sign(m)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = all,
          .backup = all};
}

}  // namespace steepest::optimizers
