// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Fanion-k: the constrained step whose dual norm is the Ky Fan k-norm, the
// sum of the k largest singular values; k is 5 unless the name says otherwise, fanion(k=3).
// Momentum as in the authors' code: heavy ball with Nesterov.
Recipe fanion() {
  return {.name = "fanion",
          .paper = "Kravatskiy et al. 2025, \"Ky Fan Norms and Beyond\", arXiv 2512.09678",
          .equation = "W -= lr sum_{i<=k} u_i v_i^T",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "ky_fan(k=5)",
                     .lr = 0.03,
                     .momentum = 0.95,
                     .form = MomentumForm::heavy_ball,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .radius = "original"},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
