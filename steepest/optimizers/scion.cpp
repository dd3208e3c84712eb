// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Scion as "Non-Euclidean Gradient Descent" names (constrained, max, inf):
// update, outer norm, norm of what is no matrix. No radii, no Frank-Wolfe decay; scion_lions has
// them.
Recipe scion() {
  return {.name = "scion",
          .paper = "Crawshaw, Modi, Liu and Gower 2025, arXiv 2510.09827",
          .equation = "W -= lr polar(M);  theta -= lr_b sign(m)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral", .lr = 0.03},
          .backup = {.norm = "inf", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
