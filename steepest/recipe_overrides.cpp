// SPDX-License-Identifier: Apache-2.0
// From a catalog row and what the user changes to a validated recipe.
#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cctype>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/optimizers/optimizers.h"
#include "steepest/recipe.h"

namespace steepest {

namespace {

template <typename T>
void set(T& field, const std::optional<T>& value) {
  if (value) field = *value;
}

void set_choice(auto& field, const std::string& option, const std::optional<std::string>& value) {
  if (value) read_choice(field, option, *value);
}

void set_rates(Recipe& r, const Overrides& o) {
  const double ratio = r.matrix.lr > 0 ? r.backup.lr / r.matrix.lr : 1;
  if (o.lr) r.matrix.lr = *o.lr, r.backup.lr = *o.lr * ratio;
  set(r.backup.lr, o.backup_lr);
}

std::vector<std::array<double, 3>> read_coefficients(const std::vector<double>& flat) {
  TORCH_CHECK_VALUE(!flat.empty() && flat.size() % 3 == 0, "polar_coefficients: received ",
                    flat.size(), " numbers, allowed three for each step");
  std::vector<std::array<double, 3>> triples;
  for (size_t i = 0; i < flat.size(); i += 3)
    triples.push_back({flat[i], flat[i + 1], flat[i + 2]});
  return triples;
}

// polar/ and svd/ list what they know, and repeat what they were given.
void check_word(const char* option, const std::optional<std::string>& name) {
  constexpr size_t kLongest = 64;
  const auto in_word = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  TORCH_CHECK_VALUE(!name || (name->size() <= kLongest && std::ranges::all_of(*name, in_word)),
                    option, ": received ", shown(*name), ", allowed a name of at most ", kLongest,
                    " letters, digits and _");
}

void set_solvers(Solvers& s, const Overrides& o) {
  check_word("polar", o.polar);
  check_word("svd", o.svd);
  if (o.polar && *o.polar != s.polar.method) s.polar = {.method = *o.polar};
  if (o.polar_coefficients) s.polar.coefficients = read_coefficients(*o.polar_coefficients);
  if (o.polar_steps) s.polar.steps = *o.polar_steps;
  if (o.polar_dtype) s.polar.dtype = read_dtype("polar_dtype", *o.polar_dtype);
  if (o.polar_tol) s.polar.tol = *o.polar_tol;
  set(s.svd.method, o.svd);
  set(s.svd.tol, o.svd_tol);
  set(s.svd.fixed_passes, o.svd_passes);
}

void set_both(Choices& c, const Overrides& o) {
  set(c.beta2, o.beta2);
  set(c.eps, o.eps);
  set(c.decoupled, o.decoupled_weight_decay);
  set(c.weight_decay, o.weight_decay);
  set(c.batched, o.foreach);
  if (o.momentum_dtype) c.momentum_dtype = read_dtype("momentum_dtype", *o.momentum_dtype);
  set_solvers(c.solvers, o);
}

void set_momentum(Choices& c, const Overrides& o) {
  set(c.momentum, o.momentum);
  set(c.dampening, o.dampening);
  set(c.nesterov, o.nesterov);
  set_choice(c.form, "momentum_form", o.momentum_form);
  set_choice(c.start, "start", o.start);
  set_choice(c.place, "momentum_place", o.momentum_place);
  set(c.error_feedback, o.error_feedback);
}

// One momentum map for all blocks: the matrices'.
void share_momentum(Recipe& r) {
  r.backup.momentum = r.matrix.momentum;
  r.backup.form = r.matrix.form;
  r.backup.dampening = r.matrix.dampening;
  r.backup.nesterov = r.matrix.nesterov;
  r.backup.start = r.matrix.start;
}

}  // namespace

Recipe override_recipe(Recipe r, const Overrides& o) {
  const bool shared = same_momentum(r.matrix, r.backup), was_fixed = r.step_size == StepSize::fixed;
  set_choice(r.outer, "outer", o.outer);
  set_choice(r.update, "update", o.update);
  set_choice(r.step_size, "step_size", o.step_size);
  set_choice(r.duals, "duals", o.duals);
  set_choice(r.directions, "directions", o.directions);
  set_choice(r.backup_blocks, "backup_blocks", o.backup_blocks);
  set_choice(r.momo_model, "momo_model", o.momo_model);
  set_choice(r.nonfinite, "nonfinite", o.nonfinite);
  set(r.f_star, o.f_star);
  set(r.f_star_auto, o.f_star_auto);
  set(r.matrix.norm, o.norm);
  set(r.backup.norm, o.backup);
  set(r.matrix.radius, o.radius);
  set(r.backup.radius, o.backup_radius);
  set_rates(r, o);
  set_both(r.matrix, o);
  set_both(r.backup, o);
  set(r.backup.weight_decay, o.backup_weight_decay);
  set_momentum(r.matrix, o);
  const bool momo = r.step_size == StepSize::momo;
  if (shared || (momo && (was_fixed || o.momentum || o.nesterov || o.start))) share_momentum(r);
  set(r.backup.momentum, o.backup_momentum);
  set(r.backup.nesterov, o.backup_nesterov);
  set_choice(r.backup.start, "backup_start", o.backup_start);
  for (auto* c : {&r.matrix, &r.backup}) set_default_steps(*c, needs_duals(r));
  validate(r);
  return r;
}

Choices override_choices(Choices c, const Overrides& o) {
  const std::pair<const char*, bool> network[] = {{"outer", o.outer.has_value()},
                                                  {"update", o.update.has_value()},
                                                  {"step_size", o.step_size.has_value()},
                                                  {"f_star", o.f_star.has_value()},
                                                  {"f_star_auto", o.f_star_auto.has_value()},
                                                  {"duals", o.duals.has_value()},
                                                  {"directions", o.directions.has_value()},
                                                  {"backup_blocks", o.backup_blocks.has_value()},
                                                  {"momo_model", o.momo_model.has_value()},
                                                  {"nonfinite", o.nonfinite.has_value()}};
  for (const auto& [option, given] : network) {
    TORCH_CHECK_VALUE(!given, "group: ", option,
                      ": received a value, allowed only in the recipe: it is a choice of the whole "
                      "network");
  }
  const std::pair<const char*, bool> sides[] = {
      {"backup", o.backup.has_value()},
      {"backup_lr", o.backup_lr.has_value()},
      {"backup_momentum", o.backup_momentum.has_value()},
      {"backup_nesterov", o.backup_nesterov.has_value()},
      {"backup_start", o.backup_start.has_value()},
      {"backup_weight_decay", o.backup_weight_decay.has_value()},
      {"backup_radius", o.backup_radius.has_value()}};
  for (const auto& [option, given] : sides) {
    TORCH_CHECK_VALUE(!given, "group: ", option, ": received a value, allowed only in the recipe: ",
                      "a group's own norm, lr, momentum, weight_decay and radius are its role's");
  }
  set(c.norm, o.norm);
  set(c.radius, o.radius);
  set(c.lr, o.lr);
  set_both(c, o);
  set_momentum(c, o);
  return c;
}

Recipe recipe(const std::string& name, const Overrides& overrides) {
  return override_recipe(catalog_row(name), overrides);
}

}  // namespace steepest
