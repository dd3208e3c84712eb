// SPDX-License-Identifier: Apache-2.0
// All triplets of a matrix with few rows or columns, from the Gram matrix of the short side.
#pragma once

#include <optional>

#include "steepest/svd/answer.h"

namespace steepest::svd {

constexpr int64_t kMostInFull = 1 << 22;  // numbers of A, of which a copy in float64 is made

// The task allows it, and the shape asks for it: svd_in_full().
bool is_for_full(const at::Tensor& a, const Task& task);

// a [r, c] float32. None where G does not know a wanted value well enough.
std::optional<Answer> in_full(const at::Tensor& a, const Target& target);

}  // namespace steepest::svd
