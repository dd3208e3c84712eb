// SPDX-License-Identifier: Apache-2.0
// What follows from a recipe's choices.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Whether steps use a dual as a number. It is false for max + constrained + fixed (Muon, Scion):
// then no norm is measured, no polar factor needs to be more than a direction.
bool needs_duals(const Recipe& recipe);

// Sets the number of steps of Polar Express where it is left open: five make a direction, a dual
// that is used as a number needs six (<m, polar(m)> / |m|_nuc is .87-1.06 with five, .999-1.004
// with six).
void set_default_steps(Choices& choices, bool needs_duals);

}  // namespace steepest
