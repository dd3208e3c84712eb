// SPDX-License-Identifier: Apache-2.0
// What a recipe may not be.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Throws c10::ValueError, one line with the option, what was received and what is allowed, at a
// number out of the range that its row of the table of options gives it, a name that is none, or
// choices that do not go together.
void validate(const Recipe& recipe);

// Throws c10::ValueError where a group with these choices may not have this weight decay. Unlike
// the rest of validate() it is asked again at every step, as rates change.
void validate_weight_decay(const Recipe& recipe, const Choices& choices, double weight_decay);

// Whether both make the same of gradients before the norm: all options of scope momentum (momentum,
// momentum_form, nesterov, start, ..) have one value in both.
bool same_momentum(const Choices& a, const Choices& b);

}  // namespace steepest
