// SPDX-License-Identifier: Apache-2.0
// Plans as JSON text: what Python hands to the engine.
#pragma once

#include <string>

#include "steepest/plan.h"

namespace steepest {

// The keys of a plan's JSON object:
// {"recipe": a row of the catalog, or "" for none, "name": what messages and files call it,
//  "options": {what is said of the network},
//  "sides": {"matrix": {what is said of its matrices}, "backup": {.. of the rest}},
//  "groups": [{"role": "matrix", "options": {what is said of this group}}, ..],
//  "params": [{"name", "shape", "group", and of View: "view": flatten or batch, "transposed",
//              "split_sizes", "num_heads", "split_dim"}, ..]}
// Sides and groups are each said beside the row, so that a group need not be as its side is.

// Makes the plan that a JSON text describes, an object of "recipe", "name", "options", "sides",
// "groups" and "params". Python hands over plans so; throws c10::ValueError where a key is missing
// or a value is wrong.
Plan plan_from_json(const std::string& json);

}  // namespace steepest
