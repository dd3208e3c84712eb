// SPDX-License-Identifier: Apache-2.0
// max_i |X_i,:|_2 <= 1:  s_i = m_i / |m_i|_2 row by row, dual = sum_i |m_i|_2.   RowNorm of LIONS'
// Scion (arXiv 2502.07529), up to its radius 1 / sqrt(in).
#include "steepest/base/spec.h"
#include "steepest/norms/catalog.h"
#include "steepest/norms/lines.h"

namespace steepest::norms {

// Returns the catalog's entry of "row", the largest length of a row, which takes no arguments.
NormEntry row() {
  return {.name = "row",
          .summary = "max row length: s = rows of m normalised, dual = sum of the rows' lengths",
          .arguments = {},
          .examples = {"row"},
          .make = [](const Spec&, const Solvers&) {
            return make_lines("row", /*dim=*/2, /*transpose=*/"column");
          }};
}

}  // namespace steepest::norms
