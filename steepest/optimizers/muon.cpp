// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Muon with torch.optim.Muon's numbers: EMA from zero, Nesterov, five
// Newton-Schulz steps of Jordan, radius sqrt(max(1, out/in)); with torch.optim.AdamW's on what is
// no matrix. The default rates are those of experiments/rates. The steps are computed in the form
// and dtype that cost least; with the polar method "jordan", in bfloat16, they have torch's bits.
Recipe muon() {
  return {.name = "muon",
          .paper = "Jordan et al. 2024, kellerjordan.github.io/posts/muon; torch.optim.Muon",
          .equation = "B = lerp(B, g, 1 - mu);  W -= lr sqrt(max(1, out/in)) NS5(lerp(g, B, mu))",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .momentum = 0.95,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .weight_decay = 0.1,
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = {.norm = "ada_inf",
                     .lr = 3e-3,
                     .momentum = 0.9,
                     .start = MomentumStart::corrected,
                     .beta2 = 0.999,
                     .eps = 1e-8,
                     .weight_decay = 1e-2}};
}

}  // namespace steepest::optimizers
