// SPDX-License-Identifier: Apache-2.0
#include "steepest/optimizers/optimizers.h"

namespace steepest::optimizers {

// Returns the recipe of SOAP-Muon: Muon of the momentum as SOAP scales it. The numbers of record 44
// of modded-nanogpt's track 3, Nesterov momentum .95 (warmed up there), beta2 .9, eps 1e-8, new
// bases at every step and no decay, but for the rate and the polar factor, of which theirs takes
// twelve steps. Its update floor is rescale = "floor(ratio=0.3825)", its radial brake a geometry;
// its gate on the matrices of attention is left out.
Recipe soap_muon() {
  return {.name = "soap-muon",
          .paper = "KellerJordan/modded-nanogpt, track 3, record 44",
          .equation =
              "u = lerp(g, B, mu);  v = (Q_L^T u Q_R)^2 so far;  "
              "W -= lr sqrt(max(1, out/in)) polar(Q_L [Q_L^T u Q_R / sqrt(v)] Q_R^T)",
          .outer = Outer::max,
          .update = UpdateForm::constrained,
          .matrix = {.norm = "soap_muon",
                     .lr = 0.03,
                     .nesterov = true,
                     .start = MomentumStart::zero,
                     .beta2 = 0.9,
                     .radius = "original",
                     .solvers = {.polar = {"fast_polar_express", 6, {}}}},
          .backup = adam_backup()};
}

}  // namespace steepest::optimizers
