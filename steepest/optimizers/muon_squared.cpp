// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Muon^2: Muon of the momentum divided by the root of the gradients' mean
// square. The numbers of modded-nanogpt's record 7, Nesterov momentum .95, beta2 .95, eps 1e-10 and
// decay .0125, but for the rate. The paper's point is that three steps of Newton-Schulz do then;
// here there are Muon's five.
Recipe muon_squared() {
  return {.name = "muon-squared",
          .paper = "Liu, Zhang, Wang, Zhao, Su, Yang and Zhang 2026, arXiv 2604.09967",
          .equation =
              "V = g^2 so far;  "
              "W -= lr sqrt(max(1, out/in)) NS5(lerp(g, B, mu) / (sqrt(V) + eps))",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "muon_squared",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .beta2 = 0.95,
                     .eps = 1e-10,
                     .weight_decay = 0.0125,
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
