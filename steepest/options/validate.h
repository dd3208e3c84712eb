// SPDX-License-Identifier: Apache-2.0
// What a recipe may not be.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Throws c10::ValueError, one line with what, received and allowed, at a number out of the range
// that its row of the table gives it, a name that is none, or choices that do not go together.
void validate(const Recipe& recipe);

// Throws c10::ValueError where a group with these choices may not have this weight decay. Unlike
// the rest of validate() it is asked again at every step, as rates change.
void validate_weight_decay(const Recipe& recipe, const Choices& choices, double weight_decay);

// Whether both have the same map from gradients to what the norm is given.
bool same_momentum(const Choices& a, const Choices& b);

}  // namespace steepest
