// SPDX-License-Identifier: Apache-2.0
// sum sigma_i <= 1:  s = u_1 v_1^T, dual = sigma_1.   Neon.
#include "steepest/base/spec.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"

namespace steepest::norms {

// Returns the catalog's entry of "nuclear", which takes no arguments: the same norm as ky_fan(k=1),
// under its usual name.
NormEntry nuclear() {
  return {.name = "nuclear",
          .summary = "sum sigma_i: s = u_1 v_1^T, dual = sigma_1 (Neon)",
          .arguments = {},
          .examples = {"nuclear"},
          .make = [](const Spec& spec, const Solvers& solvers) {
            return make_low_rank(print_spec(spec), 1, solvers.svd);
          }};
}

}  // namespace steepest::norms
