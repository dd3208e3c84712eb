// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Aurora: Muon whose directions have lines of one length along the longer
// side. The numbers of the authors' code, Nesterov momentum .95, decay .025, two passes with beta
// .5, but for the rate. The polar factor is to be a close one here, as the lengths of its lines are
// used: theirs takes twelve steps of (2, -1.5, .5), this one six of the Polar Express.
Recipe aurora() {
  return {.name = "aurora",
          .paper = "Dewulf, Pai, Yang, Zhang and Keigwin 2026, arXiv 2606.27715",
          .equation =
              "u = lerp(g, B, mu);  W -= lr sqrt(max(1, out/in)) polar(D u), "
              "D: rows of equal length (of a tall matrix; else columns)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "aurora",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .weight_decay = 0.025,
                     .radius = "original",
                     .solvers = {.polar = {"fast_polar_express", 6, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
