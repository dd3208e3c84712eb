// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of MuonMax, (regularized, hybrid, ada_2) as update, outer norm and norm of
// what is no matrix: the norm sqrt((max_l |W_l|_2)^2 + lr/lr_b |sqrt(a) theta|_2^2) of the matrices
// W_l and the rest theta, with a = sqrt(v) + eps (the paper's slide prints one square too many
// under the root).
Recipe muonmax() {
  return {.name = "muonmax",
          .paper = "Crawshaw, Modi, Liu and Gower 2025, arXiv 2510.09827",
          .equation = "W -= lr (sum_j |M_j|_nuc) polar(M);  theta -= lr_b m / (sqrt(v) + eps)",
          .outer = Outer::hybrid,
          .update = UpdateForm::regularized,
          .matrix = {.norm = "spectral", .lr = 0.03},
          .backup = {.norm = "ada_2", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
