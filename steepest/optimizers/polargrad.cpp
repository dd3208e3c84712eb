// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of PolarGrad as "Non-Euclidean Gradient Descent" names (regularized, l2,
// ada_2): update, outer norm, norm of what is no matrix. Every matrix moves by its own nuclear norm
// (Lau et al., arXiv 2505.21799).
Recipe polargrad() {
  return {.name = "polargrad",
          .paper = "Crawshaw, Modi, Liu and Gower 2025, arXiv 2510.09827",
          .equation = "W -= lr |M|_nuc polar(M);  theta -= lr_b m / (sqrt(v) + eps)",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = {.norm = "spectral", .lr = 1e-1},
          .backup = {.norm = "ada_2", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
