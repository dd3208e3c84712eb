// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of signSGD: W <- W - lr sign(g), the constrained step in the largest entry.
// With momentum it is Signum.
Recipe signsgd() {
  const Choices all{.norm = "inf", .lr = 1e-2, .momentum = 0};
  return {.name = "signsgd",
          .paper = "Bernstein et al. 2018, arXiv 1802.04434",
          .equation = "m = b m + (1 - b) g;  W -= lr sign(m)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = all,
          .backup = all};
}

}  // namespace steepest::optimizers
