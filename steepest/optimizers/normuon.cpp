// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of NorMuon: Muon, whose directions have their rows (output neurons) brought to
// one mean square. Numbers of the authors' code but for the rates, which are those of
// experiments/rates: momentum .95, beta2 .95, no decay. The norm of the direction is kept, so that
// Muon's learning rates carry over.
Recipe normuon() {
  return {.name = "normuon",
          .paper = "Li, Liu, Liang, Zhao and Zhang 2025, arXiv 2510.05491",
          .equation =
              "O = NS5(lerp(g, B, mu));  v_i = mean_j O_ij^2 so far;  "
              "W -= lr sqrt(max(1, out/in)) O / sqrt(v), with the norm of O",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .rescale = "normuon",
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
