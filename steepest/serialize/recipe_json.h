// SPDX-License-Identifier: Apache-2.0
// Recipes, plans and what they decide, as JSON text: for checkpoints, the command line and Python.
// Keys and values are the names of Overrides and of choices.h.
#pragma once

#include <string>
#include <vector>

#include "steepest/plan.h"

namespace steepest {

// {"name", "paper", "equation", "outer", .., "matrix": {"norm", "lr", ..}, "backup": {..}}.
std::string recipe_json(const Recipe& recipe);

// {"norm": "ky_fan(k=4)", "lr": 0.1, ..}; throws c10::ValueError on an unknown key or a value of
// another type, with what was received and what is allowed.
Overrides overrides_from_json(const std::string& json);

// {"name": .., "network": {overrides},
//  "groups": [{"role": "matrix", "options": {overrides of a group}}, ..],
//  "params": [{"name", "shape", "group", and of View: "view": "flatten" or "batch", "transposed",
//  "split_sizes", "num_heads", "split_dim"}, ..]}
Plan plan_from_json(const std::string& json);

}  // namespace steepest
