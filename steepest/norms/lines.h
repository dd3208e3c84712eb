// SPDX-License-Identifier: Apache-2.0
// Norms that are the largest 2-norm of a matrix' lines (its rows, or its columns).
#pragma once

#include "steepest/norms/norms.h"

namespace steepest::norms {

// Makes the norm max |line|_2, called `name`. dim: the dimension of [B, r, c] along which a line
// runs, 2 for rows and 1 for columns. transpose: the name of the norm that gives for m^T what this
// one gives for m: "column" for "row", and the other way round.
NormPtr make_lines(const std::string& name, int64_t dim, const std::string& transpose);

}  // namespace steepest::norms
