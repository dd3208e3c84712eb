// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of COSMOS with the paper's numbers but for the rate: betas (.9, .95), 64
// directions and gamma .2 (as the norm cosmos has them), lr_ratio .1 as the radius, no decay; five
// Newton-Schulz steps of Jordan. Its code has a heavy ball with Nesterov and a correction: the same
// as this corrected mean.
Recipe cosmos() {
  return {.name = "cosmos",
          .paper = "Liu, Xu, Zhang, Kang, Li, Liang, Chen and Zhao 2025, arXiv 2502.17410",
          .equation =
              "T = [m U / (sqrt(v) + eps)] U^T + gamma NS5(m - m U U^T);  "
              "W -= lr .1 sqrt(r c) T / |T|_F",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "cosmos",
                     .lr = 0.03,
                     .momentum = 0.9,
                     .nesterov = true,
                     .start = MomentumStart::corrected,
                     .radius = "0.1",
                     .solvers = {.polar = {"fast_jordan", 5, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
