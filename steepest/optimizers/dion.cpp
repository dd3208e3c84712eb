// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Dion with the numbers of the authors' code: mu .95, which is momentum and
// error feedback, decay .01, the full rank, radius sqrt(out/in). dion(rank_fraction=0.25) is the
// usual low rank.
Recipe dion() {
  auto backup = adam_backup();
  backup.weight_decay = 0.01;
  return {
      .name = "dion",
      .paper = "Ahn, Xu, Abreu, Fan, Magakyan, Sharma, Zhan and Langford 2025, arXiv 2504.05295",
      .equation =
          "B = m + g;  P = qr(B Q);  R = B^T P;  m = B - (1 - mu) P R^T;  Q = R / |R|_columns;  "
          "W -= lr sqrt(out/in) P Q^T",
      .outer = Outer::max,
      .update = UpdateForm::constrained,
      .matrix = {.norm = "dion",
                 .lr = 0.03,
                 .form = MomentumForm::heavy_ball,
                 .start = MomentumStart::zero,
                 .error_feedback = true,
                 .weight_decay = 0.01,
                 .radius = "spectral_unclamped"},
      .backup = backup};
}

}  // namespace steepest::optimizers
