// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of torch.optim.SGD: B <- mu B + (1 - dampening) (g + wd W), W <- W - lr B.
// Gradient descent is the regularized step in the Frobenius norm: sharp(m) = m, no dual is ever
// computed.
Recipe sgd() {
  const Choices all{.norm = "frobenius",
                    .lr = 1e-3,
                    .momentum = 0,
                    .form = MomentumForm::heavy_ball,
                    .start = MomentumStart::first,
                    .decoupled = false};
  Recipe row{.name = "sgd",
             .paper = "Robbins and Monro 1951; torch.optim.SGD",
             .equation = "B = mu B + (1 - dampening) g;  W -= lr B",
             .outer = Outer::l2,
             .update = UpdateForm::regularized,
             .matrix = all,
             .backup = all};
  row.backup.norm = "l2";
  return row;
}

}  // namespace steepest::optimizers
