// SPDX-License-Identifier: Apache-2.0
// Subspace iteration with Rayleigh-Ritz at each product (with k = 1 the power method):
//   A V = U R, R = P S Q^T:  u = U P, s = S, v = V Q;   then the same with A^T and u.
// It is here for comparison: it forgets all products but the last one, so that it needs many more
// of them.
#include "steepest/svd/subspace_iteration.h"

namespace steepest::svd {

// Solves by the method "power": returns leading triplets of a by subspace iteration. The block has
// kOversampling columns more than are wanted, or is one column where the plain power method does,
// for a single triplet by the stop "value".
Result power(Matrix& a, const Problem& p) {
  const bool single = p.target.k == 1 && !p.target.shrink && p.options.stop == "value";
  return subspace_iteration(a, p, single ? 1 : p.target.k + kOversampling, /*always_ritz=*/true);
}

}  // namespace steepest::svd
