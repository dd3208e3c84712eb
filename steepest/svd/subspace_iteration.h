// SPDX-License-Identifier: Apache-2.0
// Subspace iteration: a block of columns is multiplied by A and by A^T in turn, and made
// orthonormal after each product.
#pragma once

#include "steepest/svd/solver.h"

namespace steepest::svd {

// The columns of a block beyond the wanted triplets, which speed up convergence.
constexpr int64_t kOversampling = 10;

// Returns the leading triplets of a from the problem's start, if there is one, and pseudo-random
// columns, `width` or more in all. A round is a product with A and one with A^T, after either of
// which u, s and v are the best triplets in their spans (Rayleigh-Ritz) where `always_ritz`, else
// only where they are looked at; it ends as the stop rule or the number of passes says.
Result subspace_iteration(Matrix& a, const Problem& problem, int64_t width, bool always_ritz);

}  // namespace steepest::svd
