// SPDX-License-Identifier: Apache-2.0
// The randomized SVD (Halko, Martinsson & Tropp 2011, algorithms 4.4 and 5.1): Y = A Omega = Q R
// for pseudo-random columns Omega, q power steps Q <- orth(A orth(A^T Q)), and the triplets of Q^T
// A. That is 2 + 2 q products. Orthonormal columns at each keep small values from the rounding of
// large ones. The usual case is a fixed small number of products: on a flat spectrum the error
// falls by (s_{k+11} / s_k)^2 a power step only, which a Krylov space of the same products beats.
#include "steepest/svd/subspace_iteration.h"

namespace steepest::svd {

// Solves by the method "randomized": returns leading triplets of a from a block of kOversampling
// columns more than are wanted, by fixed_passes products, or as many as the stop rule asks for.
Result randomized(Matrix& a, const Problem& problem) {
  return subspace_iteration(a, problem, problem.target.k + kOversampling, /*always_ritz=*/false);
}

}  // namespace steepest::svd
