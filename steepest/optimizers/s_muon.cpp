// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of S-Muon: half Muon, half sign descent scaled by e = .003, hence the 0.0015
// of its norm. The sign half is not to be scaled by the shape, so no radius.
Recipe s_muon() {
  return {.name = "s-muon",
          .paper = "Kravatskiy et al. 2025, \"Ky Fan Norms and Beyond\", arXiv 2512.09678",
          .equation = "W -= lr (U V^T + e sign(M)) / 2, e = .003",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "0.5*spectral+0.0015*inf",
                     .lr = 0.03,
                     .momentum = 0.95,
                     .form = MomentumForm::heavy_ball,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .radius = "none"},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
