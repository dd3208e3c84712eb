// SPDX-License-Identifier: Apache-2.0
// What a recipe may not be.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Throws c10::ValueError, one line with what, received and allowed: a number out of the range that
// its row of the table gives it, a name that is none, choices that do not go together.
void validate(const Recipe& recipe);

// The part of it that is asked again at every step, as rates change: throws where a group with
// these choices may not have this weight decay.
void validate_weight_decay(const Recipe& recipe, const Choices& choices, double weight_decay);

// The same map from gradients to what the norm is given.
bool same_momentum(const Choices& a, const Choices& b);

}  // namespace steepest
