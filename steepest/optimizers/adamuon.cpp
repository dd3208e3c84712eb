// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of AdaMuon: Muon of the momentum's sign, with every entry of its direction
// divided by the root of its mean square so far. The numbers of the authors' class, Nesterov
// momentum .95, which is beta2 as well, and decay .01, but for the rate and the size: the norm of
// the direction is kept and the radius is Muon's, so that Muon's learning rates carry over. Theirs
// is the radius "match_rms_adamw", 0.2 an entry.
Recipe adamuon() {
  return {.name = "adamuon",
          .paper = "Si, Zhang and Shen 2025, arXiv 2507.11005",
          .equation =
              "O = NS5(sign(lerp(g, B, mu)));  v = O^2 so far;  "
              "W -= lr sqrt(max(1, out/in)) O / sqrt(v), with the norm of O",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral_sign",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .weight_decay = 0.01,
                     .rescale = "adamuon",
                     .radius = "original",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
