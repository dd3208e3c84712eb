// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Keller Jordan's Muon as his text defines it: heavy ball from zero,
// Nesterov, five Newton-Schulz steps (his bfloat16 with the polar method "jordan"); AdamW (.9, .95)
// on the rest. torch's row keeps an EMA instead, which from zero is 1 - mu times this ball: the
// directions are the same, the states are not.
Recipe muon_jordan() {
  return {.name = "muon-jordan",
          .paper = "Jordan et al. 2024, kellerjordan.github.io/posts/muon",
          .equation = "B = mu B + g;  W -= lr sqrt(max(1, out/in)) NS5(g + mu B)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .momentum = 0.95,
                     .form = MomentumForm::heavy_ball,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = {.norm = "ada_inf",
                     .lr = 3e-3,
                     .momentum = 0.9,
                     .start = MomentumStart::corrected,
                     .beta2 = 0.95,
                     .eps = 1e-10,
                     .weight_decay = 0}};
}

}  // namespace steepest::optimizers
