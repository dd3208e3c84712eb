// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/scales.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/tensor.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

// The root: in a regularized step a second R_l comes in with d_l = R_l dual_l.
double StepScales::radius(const Block& block) const {
  const double lr = in_.numbers_of(block).lr;
  return (regularized() ? std::sqrt(lr) : lr) * block.radius;
}

at::Tensor StepScales::scaled_duals(std::vector<at::Tensor> duals) {
  const auto& plan = in_.plan;
  std::vector<double> radii;
  at::Device device = at::kCPU;
  for (const auto& block : plan.blocks) {
    radii.insert(radii.end(), block.batch, radius(block));
    if (const auto& dual = duals[in_.index(block)]; dual.defined()) device = dual.device();
  }
  const auto options = at::TensorOptions(at::kDouble).device(device);
  for (const auto& block : plan.blocks) {
    auto& dual = duals[in_.index(block)];
    dual = dual.defined() ? dual.to(device) : at::zeros({block.batch}, options);
  }
  radii_ = at::tensor(radii, at::kDouble).to(device);
  return duals.empty() ? at::zeros({0}, options) : at::cat(duals) * radii_;
}

at::Tensor StepScales::dual_norm(std::vector<at::Tensor> duals) {
  return steepest::combine(in_.plan.tree, scaled_duals(std::move(duals))).dual;
}

void StepScales::combine(std::vector<at::Tensor> duals, GlobalState& global) {
  const auto& plan = in_.plan;
  auto d = scaled_duals(std::move(duals));
  if (plan.recipe.lr_auto) {
    const auto factors = side_factors(plan, d, global.auto_rate);
    radii_ = radii_ * factors, d = d * factors;
  }
  const auto [c, dual] = steepest::combine(plan.tree, d);
  dual_ = dual;
  coefficients_ = regularized() ? c : safe_divide(c, dual);
}

void StepScales::apply_step_size(const LinearParts& linear, const at::Tensor& loss,
                                 GlobalState& global, StepStats& stats) {
  stats.dual = dual_;
  if (in_.plan.recipe.step_size == StepSize::momo) {
    const auto size = momo_size({in_, loss, linear, dual_}, global);
    coefficients_ = coefficients_ * size.q;
    stats.q = size.q, stats.model = size.gap;
  }
  coefficients_ = coefficients_ * radii_;
  stats.coefficients = coefficients_;
}

Coefficient StepScales::coefficient_of(const Block& block, double scale, const at::Tensor& factor,
                                       const at::Device& device) const {
  if (coefficients_.defined()) {
    const auto c = coefficients_.narrow(0, block.leaf, block.batch);
    return {0, (scale == 1 ? c : c * scale).to(device)};
  }
  const double lr = in_.numbers_of(block).lr;
  // direction: R_l = lr r;  sharp: R_l^2 = lr r^2.
  const double square = in_.plan.needs == Needs::sharp ? block.radius : 1;
  const double number = lr * block.radius * square * scale;
  if (factor.defined()) return {0, factor * number};
  return {number, {}};
}

}  // namespace steepest::engine
