// SPDX-License-Identifier: Apache-2.0
// From a row and what the user says beside it to a validated recipe.
#include <c10/util/Exception.h>

#include <algorithm>
#include <initializer_list>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/options/options.h"
#include "steepest/options/validate.h"
#include "steepest/recipe.h"
#include "steepest/recipe_rules.h"

namespace steepest {
namespace {

// Sets, in the choices of the matrices, of the backup or of a parameter group (`side`), every
// option of these scopes that `said`, the user's overrides, gives a value; the others stay.
void set_side(Choices& side, const Overrides& said, std::initializer_list<Scope> scopes) {
  for (const auto& option : options()) {
    if (std::ranges::find(scopes, option.scope) != scopes.end()) option.in_side.set(side, said);
  }
}

// Gives the recipe's backup the momentum, and all other options of scope momentum, of its matrices.
void share_momentum(Recipe& r) {
  for (const auto& option : options()) {
    if (option.scope == Scope::momentum) option.in_side.copy(r.backup, r.matrix);
  }
}

// Whether the user's overrides `said` give a value to any option of this scope.
bool any_said(Scope scope, const Overrides& said) {
  return std::ranges::any_of(options(),
                             [&](const Option& o) { return o.scope == scope && o.is_said(said); });
}

}  // namespace

// Returns the catalog row `r` with the user's overrides `said` of the whole network, validated. An
// lr sets matrices and backup in a row that gives both one rate; where both had one momentum they
// keep one, and Momo, which needs one, gets it; with lr_auto both rates are lr, 1 unless it is
// said; backup_.. options come last.
Recipe override_recipe(Recipe r, const Overrides& said) {
  using enum Scope;
  const bool shared = same_momentum(r.matrix, r.backup), was_fixed = r.step_size == StepSize::fixed;
  const bool one_rate = r.matrix.lr == r.backup.lr;
  for (const auto& option : options()) {
    if (option.scope == network) option.in_recipe.set(r, said);
  }
  set_side(r.matrix, said, {both, momentum, matrix});
  set_side(r.backup, said, {both});
  if (said.lr && one_rate) r.backup.lr = *said.lr;
  if (said.lr_auto.value_or(false)) r.backup.lr = r.matrix.lr = said.lr.value_or(1);
  const bool momo = r.step_size == StepSize::momo;
  if (shared || (momo && (was_fixed || any_said(momentum, said)))) share_momentum(r);
  set_side(r.backup, said, {backup});
  for (auto* side : {&r.matrix, &r.backup}) complete_polar(*side, needs_duals(r));
  validate(r);
  return r;
}

// Returns the choices of a parameter group: `side`, the recipe's choices for the group's role
// (matrices or backup), with the options that the group sets for itself, `said`. Throws
// c10::ValueError at an option that only the whole network or the recipe may set.
Choices override_choices(Choices side, const Overrides& said) {
  using enum Scope;
  for (const auto& option : options()) {
    const bool whole = option.scope == network;
    TORCH_CHECK_VALUE(!(whole || option.scope == backup) || !option.is_said(said),
                      "group: ", option.name, ": received a value, allowed only in the recipe: ",
                      whole ? "it is a choice of the whole network"
                            : "a group's own norm, lr, momentum, weight_decay and radius are its "
                              "role's");
  }
  set_side(side, said, {both, momentum, matrix});
  return side;
}

}  // namespace steepest
