// SPDX-License-Identifier: Apache-2.0
// The fast way to leading triplets where a device has kernels for it: block Krylov on A^T A, some
// columns at a time, with a kernel that reads A once for both products.
#pragma once

#include <optional>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Whether gram_krylov() may be tried for a [.., r, c]: BlockKernels on its device, float32, the
// method "auto" with any stop but "subspace", no fixed passes or dtype of products, and a tolerance
// that a Gram matrix in float32 can reach.
bool gram_krylov_applies(const at::Tensor& a, const SvdOptions& options);

// Returns the wanted triplets of a [r, c], contiguous float32 at its own scale, by a Gram matrix or
// block Krylov. Nothing where |a|_F is zero, not finite or out of range, or where the result would
// be too inexact: then the general solvers have to be asked.
std::optional<Result> gram_krylov(const at::Tensor& a, const Problem& problem);

}  // namespace steepest::svd
