// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of MuonEq: Muon of the momentum with its rows brought to length 1. The numbers
// of the authors' code, Nesterov momentum .95 and decay .1, Adam (.95, .95) on the rest, but for
// the rate and the radius, which are Muon's; theirs is "match_rms_adamw".
Recipe muoneq() {
  auto backup = adam_backup();
  backup.momentum = 0.95, backup.weight_decay = 0.1;
  return {
      .name = "muoneq",
      .paper = "Chang, Shi, Zhang, Zhang, Lu, Liu and Yuan 2026, arXiv 2603.28254",
      .equation = "u = lerp(g, B, mu);  W -= lr sqrt(max(1, out/in)) NS5(u_i / |u_i|, each row)",
      .outer = Outer::max,
      .update = UpdateForm::constrained,
      .matrix = {.norm = "muoneq",
                 .lr = 0.03,
                 .nesterov = true,
                 .start = MomentumStart::zero,
                 .weight_decay = 0.1,
                 .radius = "original",
                 .solvers = {.polar = {"fast_jordan", 5, {}}}},
      .backup = backup};
}

}  // namespace steepest::optimizers
