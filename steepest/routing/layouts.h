// SPDX-License-Identifier: Apache-2.0
// How a parameter is stored: which of its dimensions are out and in, and what is fused into it.
#pragma once

#include <string>

#include "steepest/routing/layout.h"
#include "steepest/routing/model.h"

namespace steepest::routing {

// How a parameter of two dimensions or more is seen as matrices, with the words of the routing
// table.
Layout find_layout(const Fact& f, const Model& model);

// Rows and columns of one matrix of a parameter as it is stored, before any split.
std::pair<int64_t, int64_t> matrix_size(const std::vector<int64_t>& shape, const View& view);

}  // namespace steepest::routing
