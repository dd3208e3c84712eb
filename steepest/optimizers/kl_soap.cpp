// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of KL-SOAP, SOAP in the eigenbasis of KL-Shampoo's factors, with the numbers
// of the authors' code, betas (.9, .98), decay .01 and new bases every 10 steps, but for the rate
// and Adam's bias corrections, which that code leaves away. Adam on the rest.
Recipe kl_soap() {
  const Choices all{.norm = "ada_inf",
                    .lr = 1e-2,
                    .momentum = 0.9,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.98,
                    .weight_decay = 0.01};
  auto matrix = all;
  matrix.norm = "soap(kl=true)";
  return {.name = "kl-soap",
          .paper = "Lin, Lowe, Dangel, Eschenhagen, Xu and Grosse 2025, arXiv 2509.03378",
          .equation =
              "W -= lr Q_L [m' / (sqrt(v') + eps)] Q_R^T, m' = Q_L^T m Q_R, S_L ~ Q_L, "
              "S_R ~ Q_R of KL-Shampoo",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = matrix,
          .backup = all};
}

}  // namespace steepest::optimizers
