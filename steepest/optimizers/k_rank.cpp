// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of the k-rank update: the regularized step in the k-support norm, by the best
// approximation of rank k of each momentum; k is 5 unless the name says otherwise, k-rank(k=3).
// neon(k=3) moves along the same vectors, all by the sum of their values.
Recipe k_rank() {
  return {.name = "k-rank",
          .paper = "Kravatskiy et al. 2025, \"Neon: Nuclear Norm to Beat Muon\"",
          .equation = "W -= lr sum_{i<=k} sigma_i u_i v_i^T",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = {.norm = "k_support(k=5)", .lr = 0.3},
          .backup = {.norm = "ada_2", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
