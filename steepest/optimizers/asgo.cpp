// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of ASGO: Shampoo with one factor, that of the shorter side, at the power 1/2.
// Its eps is relative to the factor's largest eigenvalue, where the paper adds one to the root.
Recipe asgo() {
  const Choices all{.norm = "ada_2",
                    .lr = 0.01,
                    .momentum = 0.95,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.95};
  auto matrix = all;
  matrix.norm = "shampoo(power=0.5,sides=short)";
  auto backup = all;
  backup.lr = 3e-3;
  return {.name = "asgo",
          .paper = "An, Liu, Pan, Ma, Goldfarb and Zhang 2025, arXiv 2503.20762",
          .equation = "R = mean G^T G, on the shorter side;  W -= lr M R^(-1/2)",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = matrix,
          .backup = backup};
}

}  // namespace steepest::optimizers
