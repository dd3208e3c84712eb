// SPDX-License-Identifier: Apache-2.0
// The k-support norm of the singular values (arXiv 1204.5043, 1403.1481), whose ball is spanned by
// the matrices of rank k with |X|_F = 1:
//   dual = sqrt(sigma_1^2 + .. + sigma_k^2),   s = U_k diag(sigma_1 .. sigma_k) V_k^T / dual.
// The regularized step dual s is the best approximation of rank k, the "k-rank update" of "Neon",
// which neon(k) is not: that one moves by sigma_1 + .. + sigma_k times U_k V_k^T.
#include "steepest/base/spec.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/low_rank.h"

namespace steepest::norms {

// Returns the catalog's entry of "k_support", a norm whose direction s is made of the k leading
// singular triplets of m, with their values; k is its argument, 1 unless given.
NormEntry k_support() {
  return {.name = "k_support",
          .summary =
              "k-support norm: s = U_k diag(sigma) V_k^T / dual, dual = sqrt(sum_{i<=k} sigma_i^2) "
              "(k-rank update)",
          .arguments = {"k"},
          .examples = {"k_support(k=1)", "k_support(k=2)", "k_support(k=5)"},
          .make = [](const Spec& spec, const Solvers& solvers) {
            return make_low_rank(print_spec(spec), integer_argument(spec, "k", 1, 1), solvers.svd,
                                 Weights::values);
          }};
}

}  // namespace steepest::norms
