// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Dion2 with the numbers of the authors' code: a quarter of the rows a step,
// whose momentum is then multiplied by .95, decay .01, radius sqrt(out/in), Polar Express.
Recipe dion2() {
  auto backup = adam_backup();
  backup.weight_decay = 0.01;
  return {.name = "dion2",
          .paper = "Ahn, Amsel and Langford 2025, arXiv 2512.16928",
          .equation =
              "B = m + g;  P = the rows of largest L1 norm;  W -= lr sqrt(out/in) P polar(P^T B);  "
              "m = B - (1 - mu) P P^T B",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "dion2",
                     .lr = 0.03,
                     .form = MomentumForm::heavy_ball,
                     .start = MomentumStart::zero,
                     .error_feedback = true,
                     .weight_decay = 0.01,
                     .radius = "spectral_unclamped"},
          .backup = backup};
}

}  // namespace steepest::optimizers
