// SPDX-License-Identifier: Apache-2.0
// What follows from a recipe's choices.
#pragma once

#include "steepest/recipe.h"

namespace steepest {

// Whether the recipe's steps use a dual norm as a number. They do not with outer max, update
// constrained and step_size fixed (Muon, Scion): there every block moves by its radius, so that no
// norm is measured and a polar factor need be no more than a direction.
bool needs_duals(const Recipe& recipe);

// Whether the decay pulls towards the weights of the first step, which are then kept in the state.
bool is_anchored(Decay decay);

// Sets the steps and the dtype of a polar method in the choices, in place, where they are unset.
// "polar_express" takes five steps, or six where needs_duals(), as <m, polar(m)> / |m|_nuc is
// .87-1.06 with five and .999-1.004 with six. "jordan" is computed in bfloat16, as by its author
// and by torch.optim.Muon, whose bits it has. Any other method is left as it is.
void complete_polar(Choices& choices, bool needs_duals);

}  // namespace steepest
