// SPDX-License-Identifier: Apache-2.0
// How a parameter is stored: which of its dimensions are out and in, and what is fused into it.
#pragma once

#include <string>

#include "steepest/routing/layout.h"
#include "steepest/routing/model.h"

namespace steepest::routing {

// Returns how a parameter of two dimensions or more is seen as matrices, with the words that
// explain it in the routing table: "" for an ordinary matrix, and "by shape" in them where its
// module is not known.
Layout find_layout(const Fact& f, const Model& model);

// Returns the rows and columns of one matrix of a parameter of this shape, which has two dimensions
// or more, under the view: as it is stored, before any split or transposition.
std::pair<int64_t, int64_t> matrix_size(const std::vector<int64_t>& shape, const View& view);

}  // namespace steepest::routing
