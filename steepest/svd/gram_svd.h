// SPDX-License-Identifier: Apache-2.0
// All triplets of a matrix with few rows or columns, from the Gram matrix of the short side.
#pragma once

#include <optional>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Whether the shape asks for all triplets, svd_in_full(), and the problem allows it.
bool wants_all_triplets(const at::Tensor& a, const Problem& problem);

// Whether the Gram matrix of the short side costs less than a Krylov space. It does where all
// triplets are wanted, unless both sides are long; and where few rows are very long, as a Krylov
// space of such rows is not soon exhausted.
bool gram_svd_pays(const at::Tensor& a, const Problem& problem);

// a [r, c] float32. It is copied to float64 panel by panel of the long side, so that the time is
// linear in that side, whichever it is. None where G knows too little of a wanted value.
std::optional<Result> gram_svd(const at::Tensor& a, const Target& target);

}  // namespace steepest::svd
