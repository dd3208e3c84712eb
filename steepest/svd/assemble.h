// SPDX-License-Identifier: Apache-2.0
// From the solvers' Ritz triplets of single matrices to the batch that the caller gets.
#pragma once

#include <vector>

#include "steepest/svd/scale.h"
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Returns, of the triplets that a solver found for the matrix a, those that `target` wants, with
// the passes that a has counted and tau, the threshold of shrinkage. Triplets within rounding of
// zero, and with target.shrink those not above tau, become zeros, so that nothing waits for their
// number.
Result keep_wanted(const Result& found, const Matrix& a, const Target& target);

// Returns k triplets for a [r, c], u, s and v filled with `value`, and this status: zeros for a
// zero matrix, NaNs for one that is not finite. Of a only shape, dtype and device are used.
Result constant_result(double value, const at::Tensor& a, int64_t k, SvdStatus status);

// Returns one batch of the results of its matrices, each cut to k triplets or padded with zeros.
// `scale` is what the matrices were multiplied by before they were solved, by which s and tau are
// divided here; nullptr where they were not.
Shrinkage assemble(const std::vector<Result>& results, int64_t k, const Scale* scale);

}  // namespace steepest::svd
