// SPDX-License-Identifier: Apache-2.0
// max(sigma_1, sum sigma_i / k) <= 1:  s = sum_{i<=k} u_i v_i^T, dual = KF_k = sum_{i<=k} sigma_i.
// Fanion-k, "Ky Fan Norms and Beyond" (arXiv 2512.09678). k = 1 is the nuclear norm of Neon.
#include "steepest/base/spec.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"

namespace steepest::norms {

// Returns the catalog's entry of "ky_fan", a norm whose direction s is made of the k leading
// singular triplets of m; k is its argument, 1 unless given.
NormEntry ky_fan() {
  return {.name = "ky_fan",
          .summary =
              "max(sigma_1, sum sigma / k): s = sum_{i<=k} u_i v_i^T, dual = sum_{i<=k} sigma_i "
              "(Fanion-k)",
          .arguments = {"k"},
          .examples = {"ky_fan(k=2)", "ky_fan(k=5)"},
          .make = [](const Spec& spec, const Solvers& solvers) {
            return make_low_rank(print_spec(spec), integer_argument(spec, "k", 1, 1), solvers.svd);
          }};
}

}  // namespace steepest::norms
