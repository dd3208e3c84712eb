// SPDX-License-Identifier: Apache-2.0
// From the solvers' Ritz triplets of single matrices to the batch that the caller gets.
#pragma once

#include <vector>

#include "steepest/svd/scale.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Keeps the wanted triplets of a solver's result. Those within rounding of zero become zeros.
Result finish(const Result& found, const Matrix& a, const Target& target);

// k triplets with every element equal to `value`: zeros for a zero matrix, NaNs for one that is not
// finite.
Result constant_result(double value, const at::Tensor& a, int64_t k, SvdStatus status);

// One batch of the results, each cut to k triplets or padded with zeros. `scale` is what the
// matrices were multiplied by, or nullptr.
Shrinkage assemble(const std::vector<Result>& results, int64_t k, const Scale* scale);

}  // namespace steepest::svd
