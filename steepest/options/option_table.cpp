// SPDX-License-Identifier: Apache-2.0
// The table itself: one row an option.
#include "steepest/options/option_row.h"

namespace steepest {
namespace {

using option_row::backup;
using option_row::network;
using option_row::side;
using O = Overrides;
using C = Choices;
using R = Recipe;

constexpr auto in_state_dict = MayChange::in_state_dict;
constexpr auto in_file = MayChange::in_file;
constexpr auto in_run = MayChange::in_run;

constexpr Range kFromZero{.low = 0};                                                // [0, inf)
constexpr Range kBelowOne{.low = 0, .high = 1, .high_open = true};                  // [0, 1)
constexpr Range kInside{.low = 0, .high = 1, .low_open = true, .high_open = true};  // (0, 1)

// Of a side's solvers: the whole, of which an option names the method, or a member of it.
constexpr auto kPolar = [](auto& c) -> auto& { return c.solvers.polar; };
constexpr auto kSvd = [](auto& c) -> auto& { return c.solvers.svd; };
// Returns the field of a row() that is one member of the options of polar factors: a function from
// a Choices, those of the matrices or of the backup, to a reference to that `member` of it.
constexpr auto of_polar(auto member) {
  return [member](auto& c) -> auto& { return c.solvers.polar.*member; };
}
// Returns the field of a row() that is one member of the options of truncated SVDs: a function from
// a Choices, those of the matrices or of the backup, to a reference to that `member` of it.
constexpr auto of_svd(auto member) {
  return [member](auto& c) -> auto& { return c.solvers.svd.*member; };
}

// Lists the options that are fields of Choices, of which a recipe has two, one for the matrices and
// one for all else, and which a parameter group may set for itself: an entry each, with help text,
// allowed values and where it may change.
std::vector<Option> options_of_sides() {
  using enum Scope;
  return {
      side(matrix, "norm", &O::norm, &C::norm,
           "of the matrices: spectral, nuclear, ky_fan(k=8), 0.5*spectral+0.5*inf, ..")
          .example({"inf", "ky_fan(k=2)"}),
      side(matrix, "lr", &O::lr, &C::lr, "learning rate").within(kFromZero).changes(in_file),
      side(momentum, "momentum", &O::momentum, &C::momentum, "of the gradients")
          .within(kBelowOne)
          .changes(in_state_dict),
      side(momentum, "momentum_form", &O::momentum_form, &C::form,
           "a mean (ema) or a sum (heavy_ball) of the gradients"),
      side(momentum, "nesterov", &O::nesterov, &C::nesterov, "look one gradient ahead")
          .changes(in_state_dict),
      side(momentum, "nesterov_momentum", &O::nesterov_momentum, &C::nesterov_momentum,
           "weight c of u = c m + (1 - c) g with nesterov; default: momentum; Lion: b1 / b2")
          .within({.low = 0, .high = 1})
          .added_later()
          .changes(in_state_dict),
      side(momentum, "start", &O::start, &C::start,
           "of the momentum: zero, zero with bias correction, or the first gradient"),
      side(momentum, "dampening", &O::dampening, &C::dampening, "of heavy_ball")
          .within({.low = 0, .high = 1})
          .changes(in_state_dict),
      side(matrix, "momentum_place", &O::momentum_place, &C::place,
           "before the norm, or after it (Orthogonal-SGDM)"),
      side(matrix, "error_feedback", &O::error_feedback, &C::error_feedback,
           "of a norm of low rank: momentum forgets only what steps have used (Dion)"),
      side(matrix, "rescale", &O::rescale, &C::rescale,
           "what becomes of a direction after the norm: none, normuon, normuon(beta2=0.95)")
          .example({"normuon", "normuon(beta2=0.9)"})
          .added_later(),
      side(matrix, "geometry", &O::geometry, &C::geometry,
           "where weights live: none, hyperball (a constant norm), radial_brake(keep=0.5)")
          .example({"hyperball", "radial_brake(keep=0.25)"})
          .added_later(),
      side(both, "momentum_dtype", &O::momentum_dtype, &C::momentum_dtype,
           "default: the parameter's, float32 at least under Momo")
          .changes(in_state_dict),
      side(both, "beta2", &O::beta2, &C::beta2, "of an adaptive norm's second moment")
          .within(kBelowOne)
          .changes(in_state_dict),
      side(both, "eps", &O::eps, &C::eps, "of an adaptive norm: sqrt(v) + eps")
          .within(kFromZero)
          .changes(in_state_dict),
      side(both, "weight_decay", &O::weight_decay, &C::weight_decay, "as a rate, times lr")
          .within(kFromZero)
          .changes(in_file),
      side(both, "decoupled_weight_decay", &O::decoupled_weight_decay, &C::decoupled,
           "W *= 1 - lr wd; false: g += wd W"),
      side(both, "decay", &O::decay, &C::decay, "what decoupled decay shrinks, and towards what")
          .added_later(),
      side(matrix, "radius", &O::radius, &C::radius,
           "of a block's ball: none, original, match_rms_adamw, scion, 0.2, 50*scion, ..")
          .example({"0.5", "original"})
          .or_number()
          .changes(in_state_dict),
      side(both, "polar", &O::polar, kPolar, "polar factor: svd, polar_express, jordan, auto, ..")
          .example({"svd", "jordan"})
          .changes(in_file),
      side(both, "polar_coefficients", &O::polar_coefficients,
           of_polar(&PolarOptions::coefficients), "a, b, c of each step, with polar custom")
          .open()
          .added_later()
          .changes(in_file),
      side(both, "polar_steps", &O::polar_steps, of_polar(&PolarOptions::steps),
           "default: the method's; polar_express: 5, or 6 where a dual is a number")
          .within({.low = 1, .high = 100})
          .changes(in_file),
      side(both, "polar_dtype", &O::polar_dtype, of_polar(&PolarOptions::dtype), "of the products")
          .changes(in_file),
      side(both, "polar_tol", &O::polar_tol, of_polar(&PolarOptions::tol),
           "largest error of a singular value, with polar auto")
          .within(kInside)
          .changes(in_file),
      side(both, "polar_low", &O::polar_low, of_polar(&PolarOptions::low),
           "the least singular value, over the Frobenius norm, with polar auto")
          .within(kInside)
          .added_later()
          .changes(in_file),
      side(both, "polar_restarts", &O::polar_restarts, of_polar(&PolarOptions::restarts),
           "of a Gram form: the steps after which it returns to X")
          .within({.low = 1, .high = 100})
          .added_later()
          .changes(in_file),
      side(both, "svd", &O::svd, kSvd,
           "triplets: auto, exact, lanczos, block_krylov, power, randomized")
          .example({"lanczos", "exact"})
          .changes(in_file),
      side(both, "svd_tol", &O::svd_tol, of_svd(&SvdOptions::tol), "what the stop rule leaves")
          .within(kInside)
          .changes(in_file),
      side(both, "svd_stop", &O::svd_stop, of_svd(&SvdOptions::stop),
           "when triplets are good enough: dual norm, direction, or |U S V' - A_k|")
          .one_of({"value", "subspace", "approximation"})
          .added_later()
          .changes(in_file),
      side(both, "svd_passes", &O::svd_passes, of_svd(&SvdOptions::fixed_passes),
           "a fixed number of products, without a stop rule; 0: none")
          .within(kFromZero)
          .open()
          .changes(in_file),
      side(both, "svd_max_passes", &O::svd_max_passes, of_svd(&SvdOptions::max_passes),
           "products, after which the stop rule gives up")
          .within({.low = 1})
          .added_later()
          .changes(in_file),
      side(both, "svd_dtype", &O::svd_dtype, of_svd(&SvdOptions::dtype), "of the products")
          .added_later()
          .changes(in_file),
      side(both, "svd_exact_small", &O::svd_exact_small, of_svd(&SvdOptions::fallback),
           "exact, whatever the method, where a matrix is small")
          .added_later()
          .changes(in_file),
      side(both, "foreach", &O::foreach, &C::batched,
           "matrices of one shape in one call; false: one by one")
          .open()
          .added_later()
          .changes(in_file)};
}

// Lists the options that set a field of the Choices of the backup, all that is no matrix, apart
// from the matrices': backup_lr is the lr of what is no matrix. O is Overrides, C is Choices.
std::vector<Option> options_of_backup() {
  return {
      backup("backup", "norm", &O::backup, &C::norm,
             "norm of what is not a matrix: ada_inf (Adam), ada_2, inf (sign), l2")
          .example({"inf", "l2"}),
      backup("backup_lr", "lr", &O::backup_lr, &C::lr,
             "default: the recipe's own; lr where it has one for all (sgd, adamw)")
          .within(kFromZero)
          .changes(in_file),
      backup("backup_momentum", "momentum", &O::backup_momentum, &C::momentum,
             "of what is not a matrix")
          .within(kBelowOne)
          .changes(in_state_dict),
      backup("backup_nesterov", "nesterov", &O::backup_nesterov, &C::nesterov,
             "of what is not a matrix")
          .changes(in_state_dict),
      backup("backup_start", "start", &O::backup_start, &C::start, "of what is not a matrix"),
      backup("backup_beta2", "beta2", &O::backup_beta2, &C::beta2, "default: beta2")
          .within(kBelowOne)
          .added_later()
          .changes(in_state_dict),
      backup("backup_eps", "eps", &O::backup_eps, &C::eps, "default: eps")
          .within(kFromZero)
          .added_later()
          .changes(in_state_dict),
      backup("backup_weight_decay", "weight_decay", &O::backup_weight_decay, &C::weight_decay,
             "default: weight_decay")
          .within(kFromZero)
          .changes(in_file),
      backup("backup_radius", "radius", &O::backup_radius, &C::radius, "of what is not a matrix")
          .example({"0.5", "original"})
          .or_number()
          .changes(in_state_dict)};
}

// Lists the options that are one choice for all parameters, which no group may set for itself: an
// entry each, with help text and where it may change. O is Overrides, R is Recipe.
std::vector<Option> options_of_network() {
  return {
      network("outer", &O::outer, &R::outer, "norm of the blocks' dual norms"),
      network("update", &O::update, &R::update,
              "a step of length lr (constrained), or times the dual norm (regularized)"),
      network("step_size", &O::step_size, &R::step_size,
              "lr as it is (fixed), or as much of it as the loss allows (momo)"),
      network("f_star", &O::f_star, &R::f_star, "Momo's lower bound on the loss")
          .changes(in_state_dict),
      network("f_star_rule", &O::f_star_rule, &R::f_star_rule,
              "f_star as given, or tracked above it: a level of the loss, or MoMo*'s estimate")
          .added_later()
          .changes(in_state_dict),
      network("lr_auto", &O::lr_auto, &R::lr_auto,
              "with momo, lr is a factor of a rate that the run finds for both sides")
          .added_later(),
      network("duals", &O::duals, &R::duals, "of this step, or the matrices' of the one before"),
      network("directions", &O::directions, &R::directions,
              "of fresh duals: kept, or computed twice to save memory")
          .changes(in_file),
      network("backup_blocks", &O::backup_blocks, &R::backup_blocks,
              "what is not a matrix: tensor by tensor, or as one vector"),
      network("momo_model", &O::momo_model, &R::momo_model,
              "two forms of the same numbers of Momo"),
      network("nonfinite", &O::nonfinite, &R::nonfinite,
              "a step with NaN or Inf: taken as torch does (propagate), or left out (skip)")
          .changes(in_run)};
}

// Makes the table of all options, in the order in which they are listed everywhere: those of
// matrices and backup each, of the network, of the backup alone.
std::vector<Option> all_options() {
  auto all = options_of_sides();
  for (auto part : {options_of_network(), options_of_backup()}) {
    for (auto& option : part) all.push_back(std::move(option));
  }
  return all;
}

}  // namespace

// Returns the table of options, which is made once.
const std::vector<Option>& options() {
  static const std::vector<Option> all = all_options();
  return all;
}

}  // namespace steepest
