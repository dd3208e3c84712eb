// SPDX-License-Identifier: Apache-2.0
// From the solvers' Ritz triplets of single matrices to the batch that the caller gets.
#pragma once

#include <vector>

#include "steepest/svd/scale.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Keeps the triplets of a solver's result for the matrix a that `target` wants, and fills in the
// passes and tau, the threshold of shrinkage. Triplets within rounding of zero, and with
// target.shrink those not above tau, become zeros.
Result keep_wanted(const Result& found, const Matrix& a, const Target& target);

// k triplets of a [r, c] with every element equal to `value`, and this status: zeros for a zero
// matrix, NaNs for one that is not finite. Of a only shape, dtype and device are used.
Result constant_result(double value, const at::Tensor& a, int64_t k, SvdStatus status);

// Returns one batch of the results of its matrices, each cut to k triplets or padded with zeros.
// `scale` is what the matrices were multiplied by before they were solved, by which s and tau are
// divided here; nullptr where they were not.
Shrinkage assemble(const std::vector<Result>& results, int64_t k, const Scale* scale);

}  // namespace steepest::svd
