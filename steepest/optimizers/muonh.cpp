// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of MuonH: Muon's direction as long as the matrix itself, and the matrix
// brought back to the length that it began with. lr is the angle of a step, near enough, whatever a
// matrix's size; there is no decay, as there is no growth.
Recipe muonh() {
  return {.name = "muonh",
          .paper = "hyperball optimization, modded-nanogpt track 3 #8",
          .equation = "W <- R (W - lr R s / |s|_F) / |.|_F,  R = |W_0|_F,  s = NS5(lerp(g, B, mu))",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .rescale = "relative",
                     .geometry = "hyperball",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
