// SPDX-License-Identifier: Apache-2.0
// All triplets of a matrix with few rows or columns, from the Gram matrix of the short side.
#pragma once

#include <optional>

#include "steepest/svd/answer.h"

namespace steepest::svd {

// The task allows it, and the shape asks for it: svd_in_full().
bool is_for_full(const at::Tensor& a, const Task& task);

// Its Gram matrix costs less than a Krylov space: where A is for full, unless both sides are long;
// and where few rows are very long, as a Krylov space of such rows is not soon exhausted.
bool gram_pays(const at::Tensor& a, const Task& task);

// a [r, c] float32, of which copies in float64 are made stretch by stretch of the long side: the
// time is linear in it, whichever side it is. None where G does not know a wanted value well
// enough.
std::optional<Answer> in_full(const at::Tensor& a, const Target& target);

}  // namespace steepest::svd
