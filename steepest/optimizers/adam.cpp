// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of torch.optim.Adam: W <- W - lr m^ / (sqrt(v^) + eps), m^ and v^ with bias
// correction, decay as part of the gradient. Its direction is the constrained step in the norm
// ada_inf; matrices and the rest are treated alike.
Recipe adam() {
  const Choices all{.norm = "ada_inf",
                    .lr = 1e-3,
                    .momentum = 0.9,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.999,
                    .weight_decay = 0,
                    .decoupled = false};
  return {.name = "adam",
          .paper = "Kingma and Ba 2015, arXiv 1412.6980; torch.optim.Adam",
          .equation = "W -= lr m^ / (sqrt(v^) + eps)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = all,
          .backup = all};
}

}  // namespace steepest::optimizers
