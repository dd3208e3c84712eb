// SPDX-License-Identifier: Apache-2.0
#include "steepest/recipe_rules.h"

namespace steepest {

bool is_anchored(Decay decay) { return decay == Decay::anchored || decay == Decay::soda; }

void complete_polar(Choices& choices, bool needs_duals) {
  auto& polar = choices.solvers.polar;
  if (polar.method == "polar_express" && !polar.steps) polar.steps = needs_duals ? 6 : 5;
  if (polar.method == "jordan" && !polar.dtype) polar.dtype = at::kBFloat16;
}

bool needs_duals(const Recipe& recipe) {
  return recipe.outer != Outer::max || recipe.update != UpdateForm::constrained ||
         recipe.step_size != StepSize::fixed;
}

}  // namespace steepest
