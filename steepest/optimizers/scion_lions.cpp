// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of LIONS' Scion for language models: EMA of .9 from zero (its momentum
// argument is 1 minus this one), spectral ball of radius 50 sqrt(out/in), sign ball of radius 3000
// / in for embedding and head, and the Frank-Wolfe step W <- (1 - lr) W - lr radius s, which is a
// decoupled decay of 1. lr is 2^-12. Biases, where a model has them, want norm l2 (BiasRMS).
Recipe scion_lions() {
  return {.name = "scion-lions",
          .paper = "Pethick et al. 2025, arXiv 2502.07529",
          .equation = "d = .9 d + .1 g;  W = (1 - lr) W - lr radius steepest(d)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 2.44140625e-4,
                     .momentum = 0.9,
                     .start = MomentumStart::zero,
                     .weight_decay = 1,
                     .radius = "50*scion",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = {.norm = "inf",
                     .lr = 2.44140625e-4,
                     .momentum = 0.9,
                     .start = MomentumStart::zero,
                     .weight_decay = 1,
                     .radius = "3000*scion"}};
}

}  // namespace steepest::optimizers
