// SPDX-License-Identifier: Apache-2.0
// max_j |X_:,j|_2 <= 1:  s_j = m_j / |m_j|_2 column by column, dual = sum_j |m_j|_2.   ColNorm of
// LIONS' Scion (arXiv 2502.07529), up to its radius sqrt(out).
#include "steepest/base/spec.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/lines.h"

namespace steepest::norms {

// Returns the catalog's entry of "column", the largest length of a column, which takes no
// arguments.
NormEntry column() {
  return {.name = "column",
          .summary =
              "max column length: s = columns of m normalised, dual = sum of the columns' lengths",
          .arguments = {},
          .examples = {"column"},
          .make = [](const Spec&, const Solvers&) {
            return make_lines("column", /*dim=*/1, /*transpose=*/"row");
          }};
}

}  // namespace steepest::norms
