// SPDX-License-Identifier: Apache-2.0
// What a recipe may not be.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Throws c10::ValueError, one line with what, received and allowed: a number out of the range that
// its row of the table gives it, a name that is none, choices that do not go together.
void validate(const Recipe& recipe);

// The same map from gradients to what the norm is given.
bool same_momentum(const Choices& a, const Choices& b);

}  // namespace steepest
