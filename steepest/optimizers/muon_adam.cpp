// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of MuonAdam of "Non-Euclidean Gradient Descent", there (constrained, max,
// ada_inf): update, outer norm, norm of what is no matrix. EMA from the first gradient, no
// Nesterov, no bias correction. The default rates are those of experiments/rates.
Recipe muon_adam() {
  return {.name = "muon-adam",
          .paper = "Crawshaw, Modi, Liu and Gower 2025, arXiv 2510.09827",
          .equation = "W -= lr polar(M);  theta -= lr_b m / (sqrt(v) + eps)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral", .lr = 0.03},
          .backup = {.norm = "ada_inf", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
