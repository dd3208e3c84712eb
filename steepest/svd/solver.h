// SPDX-License-Identifier: Apache-2.0
// The contract of a solver: one matrix in, its leading triplets out. A new method is one .cpp file
// and a line in solvers().
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "steepest/svd/matrix.h"
#include "steepest/svd/target.h"
#include "steepest/svd/types.h"

namespace steepest::svd {

struct Problem {
  Target target;
  SvdOptions options;
  at::Tensor start;      // [c, p] unit columns, or undefined
  bool may_synchronise;  // whether the host may wait for the device: to test, to call LAPACK

  // Whether the number of products is fixed, so that nothing is tested and nothing synchronises.
  bool has_fixed_passes() const { return options.fixed_passes > 0; }
  // Returns the number of products with A or A^T after which a solver ends in any case.
  int64_t max_passes() const {
    return has_fixed_passes() ? options.fixed_passes : options.max_passes;
  }
  // Returns the status of a result after max_passes() products: `fixed` where that was wanted, else
  // stopped_early.
  SvdStatus status_at_max_passes() const {
    return has_fixed_passes() ? SvdStatus::fixed : SvdStatus::stopped_early;
  }
};

// Ritz triplets of one matrix, for which <A, sum u v^T> = sum s.
struct Result {
  at::Tensor u, s, v;  // [r, p], [p] float64, [c, p]
  SvdStatus status = SvdStatus::converged;
  int64_t passes = 0;
  at::Tensor tau = {};         // [] float64
  at::Tensor warm_start = {};  // [c, q] or undefined; see Triplets
};

// A solver returns at least as many triplets as the target wants, where there are so many. It may
// leave passes, tau and warm_start to keep_wanted().
using Solve = Result (*)(Matrix& a, const Problem& problem);

Result automatic(Matrix& a, const Problem& problem);
Result exact(Matrix& a, const Problem& problem);
Result power(Matrix& a, const Problem& problem);
Result randomized(Matrix& a, const Problem& problem);
Result lanczos(Matrix& a, const Problem& problem);
Result block_krylov(Matrix& a, const Problem& problem);

struct Solver {
  std::string name;
  Solve solve;
};
// All solvers by the names that SvdOptions::method has for them.
const std::vector<Solver>& solvers();

}  // namespace steepest::svd
