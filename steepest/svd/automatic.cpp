// SPDX-License-Identifier: Apache-2.0
// The choice where gram_krylov.h does not apply: single vectors for a few triplets, blocks for
// more.
#include "steepest/svd/solver.h"

namespace steepest::svd {

// The solver "auto" for matrices that gram_krylov() declines: lanczos() below eight triplets, as it
// takes the fewest flops, and block_krylov(), which takes the fewest passes over a, from there on.
Result automatic(Matrix& a, const Problem& problem) {
  constexpr int64_t kMinBlockTriplets = 8;
  const bool few = problem.target.k < kMinBlockTriplets && !problem.target.shrink;
  return few ? lanczos(a, problem) : block_krylov(a, problem);
}

}  // namespace steepest::svd
