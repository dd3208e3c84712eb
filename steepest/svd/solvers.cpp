// SPDX-License-Identifier: Apache-2.0
#include "steepest/svd/solver.h"

namespace steepest::svd {

// Lists all solvers by the names that SvdOptions::method has for them.
const std::vector<Solver>& solvers() {
  static const std::vector<Solver> all = {{"auto", automatic},  {"exact", exact},
                                          {"lanczos", lanczos}, {"block_krylov", block_krylov},
                                          {"power", power},     {"randomized", randomized}};
  return all;
}

}  // namespace steepest::svd
