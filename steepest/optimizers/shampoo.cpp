// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Shampoo as the regularized steepest descent of its quadratic norm, whose
// step L^-1/4 M R^-1/4 divides by no dual: with running means of the factors (beta2 .95) and powers
// of them every 10 steps, where the paper sums and takes them at every step; Adam on the rest.
Recipe shampoo() {
  const Choices all{.norm = "ada_2",
                    .lr = 0.01,
                    .momentum = 0.95,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.95};
  auto matrix = all;
  matrix.norm = "shampoo";
  auto backup = all;
  backup.lr = 3e-3;
  return {.name = "shampoo",
          .paper = "Gupta, Koren and Singer 2018, arXiv 1802.09568",
          .equation = "L = mean G G^T;  R = mean G^T G;  W -= lr L^(-1/4) M R^(-1/4)",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = matrix,
          .backup = backup};
}

}  // namespace steepest::optimizers
