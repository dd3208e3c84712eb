// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of ShampooMax: MuonMax (regularized, hybrid, ada_2) with Shampoo's norm on the
// matrices, every one of which moves by the sum of all their duals along its own direction.
Recipe shampoomax() {
  const Choices all{.norm = "ada_2",
                    .lr = 0.01,
                    .momentum = 0.95,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.95};
  auto matrix = all;
  matrix.norm = "shampoo";
  auto backup = all;
  backup.lr = 3e-3;
  return {.name = "shampoomax",
          .paper = "the outer norm of arXiv 2510.09827 over the norm of arXiv 1802.09568",
          .equation =
              "W -= lr (sum_j |M_j|) S / |S|_dual, S = L^(-1/4) M R^(-1/4), |M|^2 = <M, S>;  "
              "theta -= lr_b m / (sqrt(v) + eps)",
          .outer = Outer::hybrid,
          .update = UpdateForm::regularized,
          .matrix = matrix,
          .backup = backup};
}

}  // namespace steepest::optimizers
