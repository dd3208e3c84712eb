// SPDX-License-Identifier: Apache-2.0
// All triplets of a matrix with few rows or columns, from the Gram matrix of the short side.
#pragma once

#include <optional>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Whether all triplets of a [r, c] are to be computed, as they cost no more than the wanted ones
// (svd_in_full(), types.h), and the problem allows it: options.fallback, and no fixed passes.
bool wants_all_triplets(const at::Tensor& a, const Problem& problem);

// Whether gram_svd() of a [r, c] costs less than a Krylov space: where all triplets are wanted,
// unless both sides are long; and where few rows (up to 128) are very long (64 times as many
// columns), as a Krylov space of such rows is not soon exhausted. The problem has to allow all
// triplets.
bool gram_svd_pays(const at::Tensor& a, const Problem& problem);

// Returns the wanted triplets of a [r, c] float32 from the Gram matrix G of its short side, which
// is made in float64 panel by panel of the long one. Nothing where |a|_F is out of range, or a
// wanted value is so small beside s_1 that G, which has its square, knows too little of it.
std::optional<Result> gram_svd(const at::Tensor& a, const Target& target);

}  // namespace steepest::svd
