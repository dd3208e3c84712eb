// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Muon+: Muon whose directions have their columns, then their rows brought to
// one length. The numbers of the authors' code, Nesterov momentum .95 and decay .1, Adam (.95, .95)
// on the rest, but for the rate and the size: the norm of the direction is kept and the radius is
// Muon's, so that Muon's learning rates carry over. Theirs are muon_plus(scale=paper) and the
// radius "spectral_unclamped".
Recipe muon_plus() {
  auto backup = adam_backup();
  backup.momentum = 0.95, backup.weight_decay = 0.1;
  return {.name = "muon-plus",
          .paper = "Zhang, Zhao, Liu, Wang, Su, Tan and Zhang 2026, arXiv 2602.21545",
          .equation =
              "O = NS5(lerp(g, B, mu));  O^ = O with unit columns, then unit rows;  "
              "W -= lr sqrt(max(1, out/in)) O^ |O| / |O^|",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .weight_decay = 0.1,
                     .rescale = "muon_plus",
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = backup};
}

}  // namespace steepest::optimizers
