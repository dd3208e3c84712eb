// SPDX-License-Identifier: Apache-2.0
// Layouts of parameters with 2 dimensions: stored (in, out), and several matrices in one.
#pragma once

#include "steepest/routing/layout.h"
#include "steepest/routing/model.h"

namespace steepest::routing {

Layout matrix(const Fact& f, const Model& model);

}  // namespace steepest::routing
