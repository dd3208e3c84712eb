// SPDX-License-Identifier: Apache-2.0
// What a recipe may not be: numbers out of the range that the table of options gives them, and
// choices that do not go together.
#include <c10/util/Exception.h>

#include <cmath>

#include "steepest/base/spec.h"
#include "steepest/base/text.h"
#include "steepest/geometry.h"
#include "steepest/norms/catalog.h"
#include "steepest/options/choice_names.h"
#include "steepest/options/options.h"
#include "steepest/options/validate.h"
#include "steepest/radius.h"
#include "steepest/recipe_rules.h"
#include "steepest/svd/check.h"
#include "steepest/transforms/transform.h"

namespace steepest {
namespace {

// Returns the range, whose lower bound is finite, in words that follow "a number": " from 0 to
// below 1", " above 0 and below 1", " from 1 up".
std::string range_in_words(const Range& range) {
  const auto low = (range.low_open ? " above " : " from ") + print_number(range.low);
  if (!std::isfinite(range.high)) return low + " up";
  if (range.low_open)
    return low + (range.high_open ? " and below " : " to ") + print_number(range.high);
  return low + (range.high_open ? " to below " : " to ") + print_number(range.high);
}

// Throws c10::ValueError unless the option's range holds the value; `where`, the recipe and the
// option, begins the message, and `kind`, "finite" or "whole", says what number is allowed.
void check_range(const std::string& where, const Option& option, double value, const char* kind) {
  const auto& range = option.allowed.range;
  TORCH_CHECK_VALUE(range.holds(value), where, ": received ", print_number(value), ", allowed a ",
                    kind, " number", range_in_words(range));
}

// Throws c10::ValueError where a number of `c`, the recipe's choices for the matrices or for the
// backup (all else), is out of the range that the table of options gives it; `prefix` is what
// messages put before the options' names, "" or "backup_".
void validate_numbers(const Recipe& recipe, const Choices& c, const std::string& prefix) {
  for (const auto& option : options()) {
    if (!option.in_side.get || option.scope == Scope::backup) continue;
    if (!option.allowed.range.bounded()) continue;
    const auto where = recipe.name + ": " + prefix + option.name;
    const auto value = option.in_side.get(c);
    if (const auto* number = std::get_if<double>(&value))
      check_range(where, option, *number, "finite");
    if (const auto* whole = std::get_if<int64_t>(&value))
      check_range(where, option, static_cast<double>(*whole), "whole");
  }
}

// Returns the names of the norms that say what a direction has used of m, for a message.
std::string low_rank_norms() {
  std::vector<std::string> names;
  for (const auto& entry : norm_catalog())
    if (make_norm(entry.examples.front())->traits().low_rank) names.push_back(entry.name);
  return join(names);
}

// Throws c10::ValueError where `c`, the choices for the matrices or for the backup, turn on error
// feedback and do not allow it. Error feedback leaves M - (1 - b) P of the momentum M, with the
// momentum factor b and the part P of M that the direction has used: the norm must say what that
// is, and be given M itself. Momo is refused as its model of the loss takes M for a mean of
// gradients, over the weights of which the losses are averaged too; this M is none. `prefix` is ""
// or "backup_", for the message.
void validate_feedback(const Recipe& recipe, const Choices& c, const std::string& prefix) {
  if (!c.error_feedback) return;
  const auto check = [&](bool allowed, const std::string& received, const std::string& what) {
    TORCH_CHECK_VALUE(allowed, recipe.name, ": ", prefix, "error_feedback: received true with ",
                      received, ", allowed with ", what);
  };
  check(make_norm(c.norm, c.solvers)->traits().low_rank, "norm " + c.norm, low_rank_norms());
  check(!c.nesterov, "nesterov", "nesterov false");
  check(c.momentum > 0, "momentum 0", "momentum above 0");
  check(c.start != MomentumStart::corrected, "start corrected", "start zero or first");
  check(c.place == MomentumPlace::before, "momentum_place after", "momentum_place before");
  check(recipe.step_size == StepSize::fixed, "step_size momo", "step_size fixed");
}

// Throws c10::ValueError where `c`, the choices for the matrices or for the backup, name a geometry
// that there is not, or, for one that decays by itself, a decay of single entries or in the
// gradient. `prefix` is "" or "backup_", for the message.
void validate_geometry(const Recipe& recipe, const Choices& c, const std::string& prefix) {
  const auto geometry = make_geometry(c.geometry);
  if (!geometry || !geometry->owns_decay()) return;
  const bool whole = c.decay == Decay::plain || c.decay == Decay::independent;
  TORCH_CHECK_VALUE(whole, recipe.name, ": ", prefix, "decay: received ", name_of(c.decay),
                    " with geometry ", c.geometry, ", allowed plain and independent");
  TORCH_CHECK_VALUE(c.decoupled, recipe.name, ": ", prefix,
                    "decoupled_weight_decay: received false with geometry ", c.geometry,
                    ", allowed true");
}

// Throws c10::ValueError where the choices `c` of the recipe, for the matrices or for the backup,
// do not go together, or name what there is not: the norm, solvers, rescale and radius that they
// name are made, which checks them, and dropped. `prefix` is "" or "backup_", for the message.
void validate_choices(const Recipe& recipe, const Choices& c, const std::string& prefix) {
  validate_numbers(recipe, c, prefix);
  TORCH_CHECK_VALUE(c.form == MomentumForm::heavy_ball || c.dampening == 0, recipe.name, ": ",
                    prefix, "dampening: received ", print_number(c.dampening),
                    ", allowed 0 with momentum_form ema");
  TORCH_CHECK_VALUE(
      c.form == MomentumForm::ema || c.start != MomentumStart::corrected, recipe.name, ": ", prefix,
      "start: received corrected, allowed zero or first with momentum_form heavy_ball");
  TORCH_CHECK_VALUE(c.decoupled || c.decay == Decay::plain, recipe.name, ": ", prefix,
                    "decay: received ", name_of(c.decay), " with decoupled_weight_decay false",
                    ", allowed plain");
  validate_feedback(recipe, c, prefix);
  make_rescale(c.rescale);
  validate_geometry(recipe, c, prefix);
  make_polar(c.solvers.polar);  // also where the norm needs none
  svd::check_options(c.solvers.svd);
  make_norm(c.norm, c.solvers);
  radius_of(c.radius, Block{.rows = 1, .cols = 1}, c.norm);
}

// Throws c10::ValueError where Momo's model of the loss does not hold for the recipe: all blocks
// need one momentum, which is taken before the norm, and the lower bound f_star must be a finite
// number.
void validate_momo(const Recipe& recipe) {
  TORCH_CHECK_VALUE(
      same_momentum(recipe.matrix, recipe.backup), recipe.name,
      ": step_size momo: received different momentum, form, dampening, nesterov or start "
      "for matrices and backup, allowed one momentum map for all blocks");
  for (const auto* c : {&recipe.matrix, &recipe.backup}) {
    TORCH_CHECK_VALUE(c->place == MomentumPlace::before, recipe.name,
                      ": step_size momo: received momentum_place after, allowed before");
    const auto geometry = make_geometry(c->geometry);
    TORCH_CHECK_VALUE(!geometry || geometry->allows_momo(), recipe.name,
                      ": step_size momo: received geometry ", c->geometry,
                      ", allowed none and hyperball: its model is linear along the step");
    TORCH_CHECK_VALUE(!geometry || recipe.momo_model == MomoModel::inner_products, recipe.name,
                      ": momo_model: received recursive with geometry ", c->geometry,
                      ", allowed inner_products: it follows steps in Euclidean space");
  }
  TORCH_CHECK_VALUE(std::isfinite(recipe.f_star), recipe.name, ": f_star: received ",
                    print_number(recipe.f_star), ", allowed a finite number");
}

// Throws c10::ValueError where lr_auto does not hold for the recipe: it needs Momo's model of the
// loss as inner products of this step, and the dual norms of this step; and it bounds the loss by
// f_star alone.
void validate_lr_auto(const Recipe& recipe) {
  const auto check = [&](bool allowed, const std::string& received, const char* what) {
    TORCH_CHECK_VALUE(allowed, recipe.name, ": lr_auto: received true with ", received,
                      ", allowed with ", what);
  };
  check(recipe.step_size == StepSize::momo, "step_size fixed", "step_size momo");
  check(recipe.momo_model == MomoModel::inner_products, "momo_model recursive",
        "momo_model inner_products");
  check(recipe.duals == DualAge::fresh, "duals stale", "duals fresh");
  check(recipe.f_star_rule == FStarRule::given, "f_star_rule " + name_of(recipe.f_star_rule),
        "f_star_rule given");
}

}  // namespace

// With Momo the decay must be decoupled. A coupled one makes g = grad f + wd W the gradient of F =
// f + wd |W|^2 / 2. Momo's model of F begins at F(W), and the loss that it is given is f(W): all
// its values would be too low by wd |W|^2 / 2, and so the steps too short.
void validate_weight_decay(const Recipe& recipe, const Choices& choices, double weight_decay) {
  const bool fits = recipe.step_size == StepSize::fixed || choices.decoupled || weight_decay == 0;
  TORCH_CHECK_VALUE(fits, recipe.name,
                    ": step_size momo: received coupled weight decay, allowed decoupled");
}

bool same_momentum(const Choices& a, const Choices& b) {
  return std::ranges::all_of(options(), [&](const Option& option) {
    return option.scope != Scope::momentum || option.in_side.get(a) == option.in_side.get(b);
  });
}

void validate(const Recipe& recipe) {
  validate_choices(recipe, recipe.matrix, "");
  validate_choices(recipe, recipe.backup, "backup_");
  if (recipe.step_size == StepSize::momo) validate_momo(recipe);
  if (recipe.lr_auto) validate_lr_auto(recipe);
  for (const auto* c : {&recipe.matrix, &recipe.backup}) {
    validate_weight_decay(recipe, *c, c->weight_decay);
    TORCH_CHECK_VALUE(c->place == MomentumPlace::before || !needs_duals(recipe), recipe.name,
                      ": momentum_place after: received outer ", name_of(recipe.outer), ", update ",
                      name_of(recipe.update), ", allowed max and constrained");
  }
}

}  // namespace steepest
