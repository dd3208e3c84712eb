// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/step.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

#include <cmath>

#include "steepest/engine/check.h"
#include "steepest/engine/collect.h"
#include "steepest/engine/step_size.h"
#include "steepest/engine/update.h"

namespace steepest {
namespace {

// The stages of one step, over the lists it was given.
class Stepper {
 public:
  Stepper(const Plan& plan, const std::vector<Param>& params, GlobalState& global,
          const std::vector<Rates>& rates)
      : plan_(plan), params_(params), global_(global), rates_(rates) {}

  StepStats run(const at::Tensor& loss) {
    auto collected = collect(plan_, params_, rates_);
    u_ = std::move(collected.u);
    const auto [early, late] = split_blocks();
    auto measured = measure_all(make_buckets(plan_, params_, early));
    StepStats stats;
    if (plan_.needs == Needs::duals) combine_and_size(measured, collected.linear, loss, stats);
    note_decay();
    decay_split();
    for (auto& [bucket, direction] : measured) {
      if (!direction.s.defined()) direction = measure(plan_, params_, bucket, u_, Wanted::both);
      apply(bucket, direction);
    }
    for (const auto& bucket : make_buckets(plan_, params_, late)) {
      apply(bucket, measure(plan_, params_, bucket, u_, wanted_late()));
    }
    ++global_.step;
    return stats;
  }

 private:
  using Measurements = std::vector<std::pair<Bucket, Direction>>;
  bool regularized() const { return plan_.recipe.update == Update::regularized; }
  bool recursive() const {
    return plan_.recipe.step_size == StepSize::momo &&
           plan_.recipe.momo_model == MomoModel::recursive;
  }

  // Of the blocks that move without D; stale recipes note their duals for the next step.
  Wanted wanted_late() const {
    if (plan_.needs == Needs::sharp) return Wanted::sharp;
    const bool note = plan_.needs == Needs::duals || plan_.recipe.duals == Duals::stale;
    return note ? Wanted::both : Wanted::direction;
  }

  // R_l, at two powers: of the constrained and of the regularized step.
  double radius(const Block& block) const {
    const double lr = rates_[block.group].lr;
    return (regularized() ? std::sqrt(lr) : lr) * block.radius;
  }

  // early: measured before anything moves, because D needs their duals. late: measured and moved
  // bucket by bucket, no direction kept: D needs no dual, or the stored one of the last step.
  std::pair<std::vector<const Block*>, std::vector<const Block*>> split_blocks() const {
    std::vector<const Block*> early, late;
    for (const auto& block : plan_.blocks) {
      if (!params_[block.param].grad.defined()) continue;
      const bool stored = plan_.recipe.duals == Duals::stale && block.role == Role::matrix &&
                          params_[block.param].state->dual.defined();
      (plan_.needs == Needs::duals && !stored ? early : late).push_back(&block);
    }
    return {early, late};
  }

  Measurements measure_all(std::vector<Bucket> buckets) const {
    Measurements measured;
    for (auto& bucket : buckets) {
      auto direction = measure(plan_, params_, bucket, u_, Wanted::both);
      // Recomputed directions are dropped and measured again when their turn comes.
      if (plan_.recipe.directions == Directions::recomputed &&
          bucket.blocks[0]->role == Role::matrix)
        direction.s = at::Tensor();
      measured.emplace_back(std::move(bucket), std::move(direction));
    }
    return measured;
  }

  void combine_and_size(const Measurements& measured, const at::Tensor& linear,
                        const at::Tensor& loss, StepStats& stats) {
    const auto d = scaled_duals(measured);
    auto [c, dual] = combine(plan_.tree, d);
    stats.dual = dual;
    auto coefficients = regularized() ? c : safe_divide(c, dual);
    if (plan_.recipe.step_size == StepSize::momo) {
      const auto size = momo_size({plan_.recipe, loss, linear, dual}, global_);
      coefficients = coefficients * size.q;
      stats.q = size.q, stats.model = size.gap;
    }
    coefficients_ = coefficients * radii_;
    stats.coefficients = coefficients_;
  }

  // d_l = R_l dual_l in the order of the leaves; 0 for a block without a gradient.
  at::Tensor scaled_duals(const Measurements& measured) {
    std::vector<at::Tensor> duals(plan_.blocks.size());
    const auto set = [&](const Block& block, const at::Tensor& dual) {
      duals[&block - plan_.blocks.data()] = dual;
    };
    for (const auto& [bucket, direction] : measured) {
      int64_t at = 0;
      for (const auto* b : bucket.blocks)
        set(*b, direction.dual.narrow(0, at, b->batch)), at += b->batch;
    }
    std::vector<double> radii;
    at::Device device = at::kCPU;
    for (const auto& block : plan_.blocks) {
      radii.insert(radii.end(), block.batch, radius(block));
      auto& dual = duals[&block - plan_.blocks.data()];
      const auto& param = params_[block.param];
      if (!dual.defined() && param.grad.defined()) dual = stored_dual(block);
      if (dual.defined()) device = dual.device();
    }
    const auto options = at::TensorOptions(at::kDouble).device(device);
    for (const auto& block : plan_.blocks) {
      auto& dual = duals[&block - plan_.blocks.data()];
      dual = dual.defined() ? dual.to(device) : at::zeros({block.batch}, options);
    }
    radii_ = at::tensor(radii, at::kDouble).to(device);
    return duals.empty() ? at::zeros({0}, options) : at::cat(duals) * radii_;
  }

  at::Tensor stored_dual(const Block& block) const {
    return params_[block.param].state->dual.narrow(0, first_leaf(plan_, block), block.batch);
  }

  // A block that is its whole parameter decays as it moves; the others before.
  double keep_of(const Block& block) const {
    return block.length < 0 ? decay_factor(plan_, rates_, block.param) : 1;
  }
  void decay_split() const {
    for (const auto& block : plan_.blocks) {
      const auto& param = params_[block.param];
      if (block.length < 0 || block.offset != 0 || !param.grad.defined()) continue;
      const double keep = decay_factor(plan_, rates_, block.param);
      if (keep != 1) param.value.mul_(keep);
    }
  }

  Coefficient coefficient(const Block& block, const Direction& direction) const {
    if (coefficients_.defined()) {
      const auto c = coefficients_.narrow(0, block.leaf, block.batch);
      return {0, (direction.scale == 1 ? c : c * direction.scale).to(direction.s.device())};
    }
    const double lr = rates_[block.group].lr;
    // direction: R_l = lr r;  sharp: R_l^2 = lr r^2.
    const double square = plan_.needs == Needs::sharp ? block.radius : 1;
    return {lr * block.radius * square * direction.scale, {}};
  }

  void apply(const Bucket& bucket, const Direction& direction) {
    int64_t at = 0;
    for (const auto* block : bucket.blocks) {
      const auto& param = params_[block->param];
      const auto c = coefficient(*block, direction);
      auto s = direction.s.narrow(0, at, block->batch);
      const auto dual =
          direction.dual.defined() ? direction.dual.narrow(0, at, block->batch) : at::Tensor();
      if (plan_.choices(*block).place == Place::after)
        s = momentum_of_direction(plan_, *block, param, s);
      if (recursive())
        note_move(*block, s, direction.attained.narrow(0, at, block->batch), c.tensor);
      move(*block, param.value, s, c, keep_of(*block));
      if (plan_.recipe.duals == Duals::stale && block->role == Role::matrix && dual.defined())
        store_dual(plan_, *block, param, dual);
      at += block->batch;
    }
  }

  // The recursive form of Momo's model: h_l moves by <m, dw>, here by the step ...
  void note_move(const Block& block, const at::Tensor& s, const at::Tensor& attained,
                 const at::Tensor& c) const {
    auto& state = *params_[block.param].state;
    const bool same =
        u_[block.param].is_same(state.momentum_buffer);  // no Nesterov: <m, s> is known
    const auto along = same ? attained : inner_product(block.matrices(state.momentum_buffer), s);
    state.intercept = state.intercept - (along * c).sum();
  }
  // ... and here by the decay, -lr wd <m, w>.
  void note_decay() const {
    if (!recursive()) return;
    for (size_t i = 0; i < params_.size(); ++i) {
      const auto [lr, wd] = rates_[plan_.params[i].group];
      if (!params_[i].grad.defined() || wd == 0) continue;
      auto& state = *params_[i].state;
      const auto flat = [](const at::Tensor& t) { return t.reshape({1, 1, -1}); };
      state.intercept =
          state.intercept -
          inner_product(flat(state.momentum_buffer), flat(params_[i].value)).reshape({}) *
              (lr * wd);
    }
  }

  const Plan& plan_;
  const std::vector<Param>& params_;
  GlobalState& global_;
  const std::vector<Rates>& rates_;
  std::vector<at::Tensor> u_;
  at::Tensor radii_, coefficients_;  // [leaves] float64
};

}  // namespace

StepStats step(const Plan& plan, const std::vector<Param>& params, GlobalState& global,
               const std::vector<Rates>& rates, const at::Tensor& loss) {
  at::NoGradGuard no_grad;
  // Under autocast a product of two float32 matrices would come back in half precision.
  c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  check_step(plan, params, rates, loss);
  if (plan.recipe.nonfinite == Nonfinite::skip) {
    StepStats refused{.skipped = true, .nonfinite = find_nonfinite(plan, params, loss)};
    if (!refused.nonfinite.empty()) return refused;  // nothing has changed
  }
  return Stepper(plan, params, global, rates).run(loss);
}

}  // namespace steepest
