// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Neon: the regularized step in the nuclear norm, matrix by matrix. The
// minimum over D of <G, D> + lambda |D|^2 is at D = -sigma_1 u_1 v_1^T / (2 lambda), so lr = 1 / (2
// lambda) (the text's equation (4) lacks the 2). neon(k=..) takes the dual of the Ky Fan k-norm.
Recipe neon() {
  return {.name = "neon",
          .paper = "Kravatskiy et al. 2025, \"Neon: Nuclear Norm to Beat Muon\"",
          .equation = "W -= lr sigma_1 u_1 v_1^T",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = {.norm = "nuclear", .lr = 1},
          .backup = {.norm = "ada_2", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
