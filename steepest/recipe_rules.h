// SPDX-License-Identifier: Apache-2.0
// What follows from a recipe's choices.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Whether the recipe's steps use a dual norm as a number. They do not with outer max, update
// constrained and step_size fixed (Muon, Scion): there every block moves by its radius, so that no
// norm is measured and a polar factor need be no more than a direction.
bool needs_duals(const Recipe& recipe);

// Sets what is left open of a polar method in the choices. Polar Express takes five steps where
// they make a direction, and six where a dual is used as a number, see needs_duals (<m, polar(m)> /
// |m|_nuc is .87-1.06 with five, .999-1.004 with six). "jordan" is computed in bfloat16, as by its
// author and by torch.optim.Muon, whose bits it has; "fast_jordan" takes the dtype that costs
// least.
void complete_polar(Choices& choices, bool needs_duals);

}  // namespace steepest
