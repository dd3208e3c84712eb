// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of torch.optim.AdamW: W <- W - lr m^ / (sqrt(v^) + eps), m^ and v^ with bias
// correction, decoupled decay. Its direction is the constrained step in the norm ada_inf; matrices
// and the rest are treated alike.
Recipe adamw() {
  const Choices all{.norm = "ada_inf",
                    .lr = 1e-3,
                    .momentum = 0.9,
                    .start = MomentumStart::corrected,
                    .beta2 = 0.999,
                    .weight_decay = 1e-2,
                    .decoupled = true};
  return {.name = "adamw",
          .paper = "Loshchilov and Hutter 2019, arXiv 1711.05101; torch.optim.AdamW",
          .equation = "W -= lr m^ / (sqrt(v^) + eps)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = all,
          .backup = all};
}

}  // namespace steepest::optimizers
