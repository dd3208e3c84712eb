// SPDX-License-Identifier: Apache-2.0
// Where sweeps.h does not apply: single vectors for a few triplets, blocks for more.
#include "steepest/svd/solver.h"

namespace steepest::svd {

Solution automatic(Matrix& a, const Task& task) {
  constexpr int64_t kBlocks = 8;
  const bool few = task.target.k < kBlocks && !task.target.shrink;
  return few ? lanczos(a, task) : block_krylov(a, task);
}

}  // namespace steepest::svd
