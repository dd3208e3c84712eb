// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Muown: rows as lengths, which take Adam's steps (.9, .95), and directions,
// which take Muon's with momentum .95 and no Nesterov; both at one rate, as the radius gives a
// direction's entries the root mean square .2 of Adam's. No decay.
Recipe muown() {
  return {.name = "muown",
          .paper = "Lion et al. 2026, arXiv 2605.10797",
          .equation =
              "W_i = g_i v_i / |v_i|;  v -= lr .2 sqrt(max(out, in)) NS5(m);  "
              "g -= lr m^ / (sqrt(v^) + eps)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 0.03,
                     .start = MomentumStart::zero,
                     .geometry = "muown",
                     .radius = "match_rms_adamw",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
