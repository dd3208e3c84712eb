// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of normalised SGD with momentum: W <- W - lr m / |m|, with one length |m| for
// the whole network, which is the constrained step in the Euclidean norm: so the outer norm is l2.
Recipe normalized_sgd() {
  const Choices all{.norm = "frobenius", .lr = 0.3, .momentum = 0.95};
  Recipe row{.name = "normalized-sgd",
             .paper = "Cutkosky and Mehta 2020, arXiv 2002.03305",
             .equation = "m = b m + (1 - b) g;  W -= lr m / |m|_2",
             .outer = Outer::l2,
             .update = UpdateForm::constrained,
             .matrix = all,
             .backup = all};
  row.backup.norm = "l2";
  return row;
}

}  // namespace steepest::optimizers
