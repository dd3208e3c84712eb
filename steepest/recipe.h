// SPDX-License-Identifier: Apache-2.0
// A recipe is a row of choices: every named optimizer of the family is one value of this type.
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>
#include <string>
#include <vector>

#include "steepest/base/api.h"
#include "steepest/choices.h"
#include "steepest/norms/norms.h"
#include "steepest/view.h"

namespace STEEPEST_API steepest {

// What belongs to a group of parameters (design: norm, momentum, decay, radius of a block).
struct Choices {
  std::string norm = "spectral";
  double lr = 1e-3;  // the effective rate; decay uses it too
  double momentum = 0.95;
  MomentumForm form = MomentumForm::ema;
  double dampening = 0;
  bool nesterov = false;
  MomentumStart start = MomentumStart::first;
  MomentumPlace place = MomentumPlace::before;
  bool error_feedback = false;  // of a low-rank norm: momentum forgets what a step has used
  double beta2 = 0.95;          // of the adaptive norms' second moment
  double eps = 1e-8;            // outside the root: sqrt(v) + eps
  double weight_decay = 0;
  bool decoupled = true;       // the decay is the weights'; false: the gradient's, g += wd W
  Decay decay = Decay::plain;  // of a decoupled one
  std::optional<double> nesterov_momentum;  // the look-ahead's u = c m + (1 - c) g under Nesterov;
                                            // unset: c = momentum. Lion: c = b1 / b2
  std::string rescale = "none";             // what becomes of a direction: see make_rescale
  std::string geometry = "none";            // where the weights live: see geometry.h
  std::string radius = "none";              // of a block's unit ball: see radius.h
  Solvers solvers;
  std::optional<at::ScalarType> momentum_dtype;  // unset: the parameter's, float32 under Momo
  bool batched = true;  // matrices of one shape in one call; false: one by one
};

struct Recipe {
  std::string name;
  std::string paper;     // with its arXiv id, where it has one
  std::string equation;  // the update in one line
  Outer outer = Outer::max;
  UpdateForm update = UpdateForm::constrained;
  StepSize step_size = StepSize::fixed;
  double f_star = 0;  // Momo's lower bound on the loss
  FStarRule f_star_rule = FStarRule::given;
  bool lr_auto = false;  // lr is a factor of a rate that is found
  DualAge duals = DualAge::fresh;
  DirectionStorage directions = DirectionStorage::stored;
  BackupBlocks backup_blocks = BackupBlocks::per_tensor;
  MomoModel momo_model = MomoModel::inner_products;
  Nonfinite nonfinite = Nonfinite::propagate;
  Choices matrix, backup;

  const Choices& choices(Role role) const { return role == Role::matrix ? matrix : backup; }
};

// What a user may say beside a catalog row; unset fields keep the row's choice. options.h lists
// what each means; `backup_..` is the side of what is not a matrix. momentum, form, dampening,
// nesterov and start mean both sides where the row's two have one momentum map (sgd), and under
// Momo, which needs one. lr alone is that of both in a row that gives them one (sgd, adamw), else
// the matrices'.
struct Overrides {
  std::optional<double> lr, backup_lr, momentum, backup_momentum, beta2, eps, dampening;
  std::optional<double> backup_beta2, backup_eps, nesterov_momentum;
  std::optional<double> weight_decay, backup_weight_decay, f_star;
  std::optional<bool> nesterov, backup_nesterov, decoupled_weight_decay, foreach;
  std::optional<bool> error_feedback, lr_auto;
  std::optional<std::string> rescale, geometry, decay;
  std::optional<std::string> norm, backup, outer, update, step_size, duals, directions;
  std::optional<std::string> backup_blocks, momo_model, f_star_rule, nonfinite, radius,
      backup_radius;
  std::optional<std::string> momentum_form, start, backup_start, momentum_place, momentum_dtype;
  std::optional<std::string> polar, polar_dtype, svd, svd_stop, svd_dtype;
  std::optional<std::vector<double>> polar_coefficients;  // a, b, c, a, b, c, ..: polar "custom"
  std::optional<std::vector<int64_t>> polar_restarts;
  std::optional<int64_t> polar_steps, svd_passes, svd_max_passes;
  std::optional<double> polar_tol, polar_low, svd_tol;
  std::optional<bool> svd_exact_small;
};

// Returns the row with the overrides in the place of its own choices; throws c10::ValueError where
// they do not go together. optimizers.h has the same by the row's name.
Recipe override_recipe(Recipe row, const Overrides& overrides);
// The same for a group: its norm, rate, momentum, decay, radius, solvers. Throws c10::ValueError at
// choices of the whole network (outer, update, step_size, ..) and at backup_.. ones.
Choices override_choices(Choices choices, const Overrides& overrides);

}  // namespace steepest
