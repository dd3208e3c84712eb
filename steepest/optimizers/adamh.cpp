// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of AdamH: Adam's direction as long as the matrix itself, and the matrix
// brought back to the length that it began with; betas (.9, .95), no decay. Adam on the rest.
Recipe adamh() {
  auto matrix = adam_backup();
  matrix.lr = 0.03;
  matrix.rescale = "relative";
  matrix.geometry = "hyperball";
  return {
      .name = "adamh",
      .paper = "hyperball optimization, modded-nanogpt track 3",
      .equation = "W <- R (W - lr R s / |s|_F) / |.|_F,  R = |W_0|_F,  s = m^ / (sqrt(v^) + eps)",
      .outer = Outer::max,
      .update = UpdateForm::constrained,
      .matrix = matrix,
      .backup = adam_backup()};
}

}  // namespace steepest::optimizers
