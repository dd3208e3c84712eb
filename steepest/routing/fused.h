// SPDX-License-Identifier: Apache-2.0
// Layouts of parameters with 2 dimensions: stored (in, out), and several matrices in one.
#pragma once

#include "steepest/routing/layout.h"
#include "steepest/routing/model.h"

namespace steepest::routing {

// Returns how a weight of two dimensions is stored: (out, in) or (in, out), and which matrices are
// fused into it along which dimension; with the words that explain it in the routing table.
Layout matrix_layout(const Fact& f, const Model& model);

}  // namespace steepest::routing
