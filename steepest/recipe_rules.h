// SPDX-License-Identifier: Apache-2.0
// What follows from a recipe's choices.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Whether steps use a dual as a number. It is false for max + constrained + fixed (Muon, Scion):
// then no norm is measured, no polar factor needs to be more than a direction.
bool needs_duals(const Recipe& recipe);

// Sets what is left open of a polar method. Polar Express takes five steps where they make a
// direction, and six where a dual is used as a number (<m, polar(m)> / |m|_nuc is .87-1.06 with
// five, .999-1.004 with six). "jordan" is computed in bfloat16, as by its author and by
// torch.optim.Muon, whose bits it has; "fast_jordan" takes the dtype that costs least.
void complete_polar(Choices& choices, bool needs_duals);

}  // namespace steepest
