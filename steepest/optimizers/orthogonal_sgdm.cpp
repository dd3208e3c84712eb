// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of Orthogonal-SGDM: the gradient is orthogonalised by an exact SVD first and
// the momentum taken of that, the other way round from Muon.
Recipe orthogonal_sgdm() {
  return {.name = "orthogonal-sgdm",
          .paper = "Tuddenham, Pruegel-Bennett and Hare 2022, arXiv 2202.07052",
          .equation = "B = mu B + U V^T of g;  W -= lr B",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "spectral",
                     .lr = 1e-2,
                     .momentum = 0.9,
                     .form = MomentumForm::heavy_ball,
                     .start = MomentumStart::zero,
                     .place = MomentumPlace::after,
                     .solvers = {.polar = {"svd", {}, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
