// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of F-Muon: half Muon, half normalised SGD, one ball (their Minkowski sum).
// Both halves carry Muon's radius sqrt(max(1, out/in)).
Recipe f_muon() {
  return {.name = "f-muon",
          .paper = "Kravatskiy et al. 2025, \"Ky Fan Norms and Beyond\", arXiv 2512.09678",
          .equation = "W -= lr (U V^T + M / |M|_F) / 2",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "0.5*spectral+0.5*frobenius",
                     .lr = 0.03,
                     .momentum = 0.95,
                     .form = MomentumForm::heavy_ball,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .radius = "original"},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
