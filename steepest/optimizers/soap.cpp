// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of SOAP with the numbers of the authors' code, betas (.95, .95), eps 1e-8,
// decay .01, a new basis every 10 steps (as the norm soap has it), but for the rate, which is that
// of experiments/rates. Its direction is the constrained step in that norm; Adam on the rest.
Recipe soap() {
  const Choices all{.norm = "ada_inf",
                    .lr = 1e-2,
                    .momentum = 0.95,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.95,
                    .weight_decay = 0.01};
  auto matrix = all;
  matrix.norm = "soap";
  return {.name = "soap",
          .paper =
              "Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson and Kakade 2024, "
              "arXiv 2409.11321",
          .equation = "W -= lr Q_L [m' / (sqrt(v') + eps)] Q_R^T, m' = Q_L^T m Q_R",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = matrix,
          .backup = all};
}

}  // namespace steepest::optimizers
