// SPDX-License-Identifier: Apache-2.0
// Output layers: what the model itself calls so, then by name, by shape, and by position.
#pragma once

#include <string>
#include <unordered_map>

#include "steepest/routing/model.h"

namespace steepest::routing {

// Finds the output layers of a model: maps Fact::tensor of each one to the reason for the routing
// table, "output head by name". The surest signs come first: what the model or a type says, then
// names, then shape and position, where the others have found none. Of parameters known by their
// names alone, each matrix as large as a vocabulary is among them too.
std::unordered_map<int64_t, std::string> find_heads(const Model& model);

}  // namespace steepest::routing
