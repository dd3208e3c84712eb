// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/scales.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/constants.h"
#include "steepest/base/tensor.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/bucket.h"
#include "steepest/engine/step_size.h"

namespace steepest::engine {

// The root: in a regularized step a second R_l comes in with d_l = R_l dual_l.
double StepScales::radius(const Block& block) const {
  const double lr = in_.numbers_of(block).lr;
  return (regularized() ? std::sqrt(lr) : lr) * block.radius;
}

at::Tensor StepScales::scaled_duals(std::vector<at::Tensor> duals) {
  const auto& plan = in_.plan;
  at::Device device = at::kCPU;
  for (const auto& block : plan.blocks) {
    if (const auto& dual = duals[in_.index(block)]; dual.defined()) device = dual.device();
  }
  const auto options = at::TensorOptions(at::kDouble).device(device);
  for (const auto& block : plan.blocks) {
    auto& dual = duals[in_.index(block)];
    dual = dual.defined() ? dual.to(device) : at::zeros({block.batch}, options);
  }
  radii_ = radii_on(device);
  return duals.empty() ? at::zeros({0}, options) : at::cat(duals) * radii_;
}

// On an accelerator the rates go there as arguments of a launch, which wait for nothing, as a new
// tensor of the host would have to. The products are the ones of radius(), to the bit.
at::Tensor StepScales::radii_on(const at::Device& device) const {
  const auto options = at::TensorOptions(at::kDouble).device(device);
  std::vector<double> radii;
  if (device.is_cpu()) {
    for (const auto& block : in_.plan.blocks) radii.insert(radii.end(), block.batch, radius(block));
    return at::tensor(radii, options);
  }
  std::vector<at::Tensor> rates;  // of neighbouring leaves of a group
  int64_t group = -1, first = 0;
  const auto end_group = [&] {
    const auto leaves = static_cast<int64_t>(radii.size()) - first;
    if (leaves == 0) return;
    const double lr = in_.numbers[group].lr;
    rates.push_back(at::full({leaves}, regularized() ? std::sqrt(lr) : lr, options));
    first += leaves;
  };
  for (const auto& block : in_.plan.blocks) {
    if (block.group != group) end_group();
    group = block.group;
    radii.insert(radii.end(), block.batch, block.radius);
  }
  end_group();
  return radii.empty() ? at::zeros({0}, options) : joined(rates) * constants(radii, device);
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
  return fixed_coefficient(block, scale, factor);
}

Coefficient StepScales::coefficient_of(const Bucket& bucket, double scale, const at::Tensor& factor,
                                       const at::Device& device) {
  if (!coefficients_.defined()) return fixed_coefficient(bucket.first(), scale, factor);
  const auto of_bucket = [&](const at::Tensor& of_leaves) {
    std::vector<at::Tensor> parts;
    for (const auto* block : bucket.blocks)
      parts.push_back(of_leaves.narrow(0, block->leaf, block->batch));
    return joined(parts).to(device);
  };
  if (!factors_.tensor.defined()) factors_ = in_two_factors(coefficients_);
  const auto c = of_bucket(factors_.tensor);
  return {0, scale == 1 ? c : c * scale, of_bucket(factors_.power)};
}

Coefficient StepScales::fixed_coefficient(const Block& block, double scale,
                                          const at::Tensor& factor) const {
  const double lr = in_.numbers_of(block).lr;
  // direction: R_l = lr r;  sharp: R_l^2 = lr r^2.
  const double square = in_.plan.needs == Needs::sharp ? block.radius : 1;
  const double number = lr * block.radius * square * scale;
  if (factor.defined()) return {0, factor * number};
  return {number, {}};
}

}  // namespace steepest::engine
