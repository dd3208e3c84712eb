// SPDX-License-Identifier: Apache-2.0
// The keys of [optimizer] and [[group]]: steepest::Overrides under its own names. What is not given
// stays as the recipe has it.
#include "trainer/config/config_schema.h"

namespace steepest::trainer {
namespace {

constexpr Range kFromZero{.low = 0};
constexpr Range kRate{.low = 0, .high = 1e6};
constexpr Range kBelowOne{.low = 0, .high = 1, .high_open = true};

// What a group of parameters may choose for itself.
std::vector<Key> group_choices(Overrides& o) {
  return {
      Key{"norm", &o.norm, "spectral, nuclear, ky_fan(k=8), 0.5*spectral+0.5*inf, .."},
      Key{"lr", &o.lr, "learning rate"}.within(kRate),
      Key{"weight_decay", &o.weight_decay, ""}.within(kRate),
      Key{"decoupled_weight_decay", &o.decoupled_weight_decay, "W *= 1 - lr wd; false: g += wd W"},
      Key{"momentum", &o.momentum, ""}.within(kBelowOne),
      Key{"momentum_form", &o.momentum_form, ""}.one_of(names_of(Form{})),
      Key{"dampening", &o.dampening, "of heavy_ball"}.within({0, 1}),
      Key{"nesterov", &o.nesterov, ""},
      Key{"start", &o.start, "zero, with bias correction, or the first gradient"}.one_of(
          names_of(Start{})),
      Key{"momentum_place", &o.momentum_place, "before the norm or after it"}.one_of(
          names_of(Place{})),
      Key{"error_feedback", &o.error_feedback,
          "nuclear, ky_fan: momentum forgets only what steps have used"},
      Key{"momentum_dtype", &o.momentum_dtype, "default: the parameter's, float32 under Momo"}
          .one_of({"float64", "float32", "bfloat16", "float16"}),
      Key{"beta2", &o.beta2, "of the second moment"}.within(kBelowOne),
      Key{"eps", &o.eps, "sqrt(v) + eps"}.within(kFromZero),
      Key{"radius", &o.radius, "none, original, match_rms_adamw, scion, 0.2, 50*scion, .."}
          .or_number(),
      Key{"polar", &o.polar, "polar factor: svd, polar_express, jordan, .."},
      Key{"polar_steps", &o.polar_steps, ""}.within({1, 100}),
      Key{"polar_dtype", &o.polar_dtype, ""}.one_of({"float64", "float32", "bfloat16", "float16"}),
      Key{"polar_tol", &o.polar_tol, "largest error of a singular value, with polar = \"auto\""}
          .within({0, 1, true, true}),
      Key{"svd", &o.svd, "triplets: auto, exact, lanczos, block_krylov, .."},
      Key{"svd_tol", &o.svd_tol, ""}.within({0, 1, true, true}),
      Key{"svd_passes", &o.svd_passes, "a fixed number, without a stop rule"}.within({1, 10000})};
}

// What the whole network shares, and the rest (backup blocks).
std::vector<Key> network_choices(Overrides& o) {
  return {
      Key{"outer", &o.outer, "norm of the blocks' duals"}.one_of(names_of(Outer{})),
      Key{"update", &o.update, ""}.one_of(names_of(Update{})),
      Key{"step_size", &o.step_size, ""}.one_of(names_of(StepSize{})),
      Key{"f_star", &o.f_star, "Momo's lower bound on the loss"}.within({-1e9, 1e9}),
      Key{"f_star_auto", &o.f_star_auto, "track the bound from f_star upwards"},
      Key{"momo_model", &o.momo_model, ""}.one_of(names_of(MomoModel{})),
      Key{"duals", &o.duals, "of this step, or of the one before"}.one_of(names_of(Duals{})),
      Key{"directions", &o.directions, "kept, or computed twice"}.one_of(names_of(Directions{})),
      Key{"nonfinite", &o.nonfinite, "a step with NaN or Inf"}
          .one_of(names_of(Nonfinite{}))
          .changeable(),
      Key{"backup", &o.backup, "norm of what is not a matrix: ada_inf, inf, ada_2, .."},
      Key{"backup_lr", &o.backup_lr, ""}.within(kRate),
      Key{"backup_momentum", &o.backup_momentum, ""}.within(kBelowOne),
      Key{"backup_nesterov", &o.backup_nesterov, ""},
      Key{"backup_start", &o.backup_start, ""}.one_of(names_of(Start{})),
      Key{"backup_weight_decay", &o.backup_weight_decay, ""}.within(kRate),
      Key{"backup_radius", &o.backup_radius, ""}.or_number(),
      Key{"backup_blocks", &o.backup_blocks, ""}.one_of(names_of(BackupBlocks{}))};
}

}  // namespace

std::vector<Key> optimizer_keys(RunSpec& spec) {
  std::vector<Key> keys = {
      Key{"recipe", &spec.recipe, "muon, neon(k=4), muonmax-momo, adamw, .."},
      Key{"clip", &spec.clip, "of the gradients' norm; 0: none"}.within(kFromZero)};
  for (auto& key : group_choices(spec.optimizer)) keys.push_back(key);
  for (auto& key : network_choices(spec.optimizer)) keys.push_back(key);
  return keys;
}

Section group_section(GroupSpec& group) {
  std::vector<Key> keys = {
      Key{"match", &group.match, "globs of parameter names; the first table that matches wins"},
      Key{"role", &group.role, "default: as routed"}.one_of({"matrix", "backup"}),
      Key{"batch", &group.view.batch, "the last two dimensions are matrices, the rest a batch"},
      Key{"transposed", &group.view.transposed, "stored (in, out)"},
      Key{"split_sizes", &group.view.split_sizes, "parts of a fused matrix"}.within({.low = 1}),
      Key{"num_heads", &group.view.num_heads, "or so many equal parts; 0: none"}.within(kFromZero),
      Key{"split_dim", &group.view.split_dim, "0 (out) or 1 (in)"}.within({0, 1})};
  for (auto& key : group_choices(group.options)) keys.push_back(key);
  return {"group", keys};
}

}  // namespace steepest::trainer
