// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of F-Neon: half Fanion-1 (u_1 v_1^T of the leading singular vectors), half
// normalised SGD, with the momentum of Fanion's code.
Recipe f_neon() {
  return {.name = "f-neon",
          .paper = "Kravatskiy et al. 2025, \"Ky Fan Norms and Beyond\", arXiv 2512.09678",
          .equation = "W -= lr (u_1 v_1^T + M / |M|_F) / 2",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "0.5*nuclear+0.5*frobenius",
                     .lr = 0.3,
                     .momentum = 0.95,
                     .form = MomentumForm::heavy_ball,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .radius = "original"},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
