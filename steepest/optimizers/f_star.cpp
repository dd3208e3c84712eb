// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of the F* method of "Neon": equations (5) and (6) with the norm that they
// belong to (norms/f_star.cpp), D = -U [sigma - tau]+ V^T / lambda with lr = 1 / (2 lambda).
Recipe f_star() {
  return {.name = "f-star",
          .paper = "Kravatskiy et al. 2025, \"Neon: Nuclear Norm to Beat Muon\"",
          .equation = "W -= 2 lr U [sigma - tau]+ V^T,  sum [sigma - tau]+ = tau",
          .outer = Outer::l2,
          .update = UpdateForm::regularized,
          .matrix = {.norm = "f_star", .lr = 1},
          .backup = {.norm = "ada_2", .lr = 3e-3}};
}

}  // namespace steepest::optimizers
