// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of KL-Shampoo, whose factors measure the gradients in each other's metric,
// with the numbers of the authors' code, betas (.9, .98), decay .01 and new bases every 10 steps,
// but for the rate and Adam's bias correction of the momentum. Adam on the rest.
Recipe kl_shampoo() {
  const Choices all{.norm = "ada_2",
                    .lr = 0.03,
                    .momentum = 0.9,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.98,
                    .weight_decay = 0.01};
  auto matrix = all;
  matrix.norm = "kl_shampoo";
  return {.name = "kl-shampoo",
          .paper = "Lin, Lowe, Dangel, Eschenhagen, Xu and Grosse 2025, arXiv 2509.03378",
          .equation =
              "S_L = mean G S_R^-1 G^T / c;  S_R = mean G^T S_L^-1 G / r;  "
              "W -= lr S_L^(-1/2) M S_R^(-1/2)",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = matrix,
          .backup = all};
}

}  // namespace steepest::optimizers
