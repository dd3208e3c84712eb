// SPDX-License-Identifier: Apache-2.0
// Recipes, what is said of them, and the table of options, as JSON text: for checkpoints, the
// command line and Python. Keys and values are the names of options.h and choices.h.
#pragma once

#include <string>

#include "steepest/recipe.h"

namespace steepest {

// Returns the recipe with all its choices, as JSON:
// {"name", "paper", "equation", "outer", .., "matrix": {"norm", "lr", ..}, "backup": {..}}.
std::string recipe_json(const Recipe& recipe);

// Throws c10::ValueError, which begins with `what`, unless the text is a JSON object that is safe
// to parse: not nested deeply, no key given twice, numbers that float64 holds.
void check_json_object(const std::string& text, const char* what);

// Reads the values of options from the text of a JSON object, {"norm": "ky_fan(k=4)", "lr": 0.1,
// ..}; one that is null counts as not given. Throws c10::ValueError on an unknown key or a value of
// another type, with what was received and what is allowed.
Overrides overrides_from_json(const std::string& json);

// Returns the table of options as JSON:
// [{"name", "scope", "side", "type": "bool", "int", "float", "text", "floats" or "ints", "help",
//   "default": of a plain recipe, "range": [low, high, low_open, high_open], "names", "examples",
//   "number_too", "may_change", "may_be_open", "later"}, ..]
std::string options_json();

}  // namespace steepest
