// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/auto_rate.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/constants.h"
#include "steepest/base/tensor.h"
#include "steepest/outer.h"

namespace steepest::engine {
namespace {

constexpr double kLevel = 0.2;   // of the way from the loss to f*, to which d leads
constexpr double kGuesses = 20;  // the steps at which d is guessed by that
constexpr double kLength = 1;    // of the first step, in the distance found
constexpr double kTrust = 0.5;   // of the first step towards a level, in the same

// What GlobalState::auto_rate holds: the distance d, the sum of D^2, of how many steps it is, the
// ratio of the sides (0: not known yet), and q of the last step.
enum Number : int64_t { kDistance, kDuals, kSteps, kRatio, kFound };

// Returns 1 for the leaves (matrices) of this role and 0 for the others, [leaves] like `d`.
at::Tensor mask_of(const Plan& plan, Role role, const at::Tensor& d) {
  std::vector<double> mask(d.numel(), 0.0);
  for (const auto& block : plan.blocks) {
    if (block.role == role) std::fill_n(mask.begin() + block.leaf, block.batch, 1.0);
  }
  return constants(mask, d.device());
}

// Returns the factor by which the learning rate is in D: the largest of the groups' rates, or its
// root in a regularized step; 0 where all are 0.
double rate_in_dual(const StepInput& in) {
  double lr = 0;
  for (const auto& group : in.numbers) lr = std::max(lr, group.lr);
  return in.plan.recipe.update == UpdateForm::regularized ? std::sqrt(lr) : lr;
}

// Returns the distance d, or fall / dual where that is more: a finite number, whatever they are.
at::Tensor grown(const at::Tensor& d, const at::Tensor& fall, const at::Tensor& dual) {
  const auto bound = safe_divide(fall, dual);
  return at::where((bound > d).logical_and(bound.isfinite()), bound, d);
}

}  // namespace

at::Tensor side_factors(const Plan& plan, const at::Tensor& d, at::Tensor& numbers) {
  if (!numbers.defined()) numbers = at::zeros({kAutoNumbers}, d.options());
  const auto matrices = mask_of(plan, Role::matrix, d), others = 1 - matrices;
  const auto ratio =
      safe_divide(combine(plan.tree, d * matrices).dual, combine(plan.tree, d * others).dual);
  numbers = numbers.clone();
  numbers[kRatio].copy_(at::where(numbers[kRatio] > 0, numbers[kRatio], ratio));
  return at::where(numbers[kRatio] > 0, matrices + others * numbers[kRatio], at::ones_like(d));
}

at::Tensor auto_length(const StepSizeInput& input, const at::Tensor& gap, at::Tensor& numbers) {
  const auto& in = input.in;
  const bool regularized = in.plan.recipe.update == UpdateForm::regularized;
  const double rate = rate_in_dual(in);
  if (rate == 0) return at::zeros_like(gap);
  const auto dual = input.dual / rate;
  const auto duals = numbers[kDuals] + dual.square(), steps = numbers[kSteps] + 1;
  auto d = numbers[kDistance];
  for (const auto& fall : {kLevel * gap * (steps <= kGuesses), input.linear.origin})
    d = grown(d, fall, dual);
  numbers = at::stack({d, duals, steps, numbers[kRatio], numbers[kFound]});
  const auto length = kLength * d / steps.sqrt();
  return regularized ? safe_divide(length, (duals / steps).sqrt()) : length;
}

at::Tensor level_gap(const StepSizeInput& input, const at::Tensor& gap, at::Tensor& numbers) {
  if (!numbers.defined()) numbers = at::zeros({kAutoNumbers}, gap.options());
  const double rate = rate_in_dual(input.in);
  if (rate == 0) return gap;
  const auto dual = input.dual / rate, steps = numbers[kSteps] + 1;
  const auto d = grown(numbers[kDistance], kLevel * gap, dual);
  numbers = at::stack({d, numbers[kDuals], steps, numbers[kRatio], numbers[kFound]});
  return at::minimum(gap, kTrust * dual * d / steps.sqrt());
}

void keep_found_rate(const at::Tensor& q, at::Tensor& numbers) {
  numbers = numbers.clone();
  numbers[kFound].copy_(q);
}

void read_found_rates(const Plan& plan, const at::Tensor& numbers, double (&rates)[2]) {
  rates[0] = rates[1] = 0;
  if (!numbers.defined()) return;
  const double ratio = numbers[kRatio].item<double>();
  rates[0] = rates[1] = numbers[kFound].item<double>();
  if (ratio > 0) rates[1] *= plan.recipe.update == UpdateForm::regularized ? ratio * ratio : ratio;
}

}  // namespace steepest::engine
