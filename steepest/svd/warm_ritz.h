// SPDX-License-Identifier: Apache-2.0
// One step of block Krylov from the last call's vectors, where it proves to be enough: that is most
// steps of a training.
#pragma once

#include <optional>

#include "steepest/svd/solver.h"

namespace steepest::svd {

// Returns the wanted triplets of a [r, c], contiguous float32, from one pair of products with the
// columns of problem.start [c, p], of any lengths. Nothing unless p is kWarmStartColumns, a has at
// most kMaxOneThreadElements, the start has full rank, and the triplets have provably converged.
std::optional<Result> warm_ritz(const at::Tensor& a, const Problem& problem);

}  // namespace steepest::svd
