// SPDX-License-Identifier: Apache-2.0
// The interface of a solver: one matrix in, leading triplets out. A new method is one .cpp and a
// line in solvers().
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "steepest/svd/matrix.h"
#include "steepest/svd/stop.h"
#include "steepest/svd/svd.h"

namespace steepest::svd {

struct Task {
  Target target;
  SvdOptions options;
  at::Tensor start;      // [c, p] unit columns, or undefined
  bool may_synchronise;  // with the host: to test, to call LAPACK

  bool fixed() const { return options.fixed_passes > 0; }
  SvdStatus at_limit() const { return fixed() ? SvdStatus::fixed : SvdStatus::stopped_early; }
  int64_t limit() const { return fixed() ? options.fixed_passes : options.max_passes; }
};

// Ritz triplets, <A, sum u v^T> = sum s; at least as many as the target asks, where there are so
// many.
struct Solution {
  at::Tensor u, s, v;  // [r, p], [p] float64, [c, p]
  SvdStatus status;
};

using Solve = Solution (*)(Matrix& a, const Task& task);

Solution automatic(Matrix& a, const Task& task);
Solution exact(Matrix& a, const Task& task);
Solution power(Matrix& a, const Task& task);
Solution lanczos(Matrix& a, const Task& task);
Solution block_krylov(Matrix& a, const Task& task);

struct Solver {
  std::string name;
  Solve solve;
};
const std::vector<Solver>& solvers();

}  // namespace steepest::svd
