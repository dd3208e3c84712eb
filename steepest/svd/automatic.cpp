// SPDX-License-Identifier: Apache-2.0
// The choice where gram_krylov.h does not apply: single vectors for a few triplets, blocks for
// more.
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Solves, for the method "auto", a matrix that gram_krylov() declines: below eight wanted triplets
// by lanczos(), which takes the fewest flops, and from there on, or for shrinkage, by
// block_krylov(), which takes the fewest passes over a.
Result automatic(Matrix& a, const Problem& problem) {
  constexpr int64_t kMinBlockTriplets = 8;
  const bool few = problem.target.k < kMinBlockTriplets && !problem.target.shrink;
  return few ? lanczos(a, problem) : block_krylov(a, problem);
}

}  // namespace steepest::svd
