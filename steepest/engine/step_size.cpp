// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/step_size.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"
#include "steepest/engine/auto_rate.h"

namespace steepest::engine {
namespace {

// Returns the inner product of two tensors of one shape, 0-dim float64.
at::Tensor flat_product(const at::Tensor& a, const at::Tensor& b) {
  return inner_product(a.reshape({1, 1, -1}), b.reshape({1, 1, -1})).reshape({});
}

// Returns a 0-dim float64 zero on the device of t, whatever t's shape and dtype.
at::Tensor zero_beside(const at::Tensor& t) {
  return at::zeros({}, t.options().dtype(at::kDouble));
}

// Gives Momo's global state its first values, on the loss's device: no loss averaged yet, and the
// lower bound on the loss that the recipe names. A state that has begun stays as it is.
void start_momo(GlobalState& global, const at::Tensor& loss, double f_star) {
  if (global.loss_average.defined()) return;
  global.loss_average = zero_beside(loss);
  global.weight = zero_beside(loss);
  global.f_star = at::full({}, f_star, global.weight.options());
}

// Does the first half of MoMo's online lower bound f*, before q is known: where the model is below
// rho f*, f* becomes half of model / rho, but not less than `floor`. rho is the sum of the weights
// with which the model averages the losses, so that model / rho is on the scale of a loss.
void lower_f_star(at::Tensor& f_star, const at::Tensor& model, const at::Tensor& rho,
                  double floor) {
  const auto pulled = (model / (2 * rho)).clamp_min(floor);
  f_star = at::where(model < rho * f_star, pulled, f_star);
}

// Does the second half of MoMo's online lower bound f*, after q is known, the first one being
// lower_f_star(): f* becomes what the step leaves of the model, (model - decrease / 2) / rho with
// the rho of lower_f_star(), but not less than `floor`; so it may rise or fall. `decrease` is
// MoMo's tau |d|^2: here q D^2 (regularized) or q D (constrained), for the network's dual norm D.
void set_f_star_after_step(at::Tensor& f_star, const at::Tensor& model, const at::Tensor& rho,
                           const at::Tensor& decrease, double floor) {
  f_star = ((model - decrease / 2) / rho).clamp_min(floor);
}

// Returns the momentum b with which Momo averages the losses: the matrices', which all blocks share
// under Momo, or that of the others where there are no matrices.
double model_momentum(const StepInput& in) {
  double momentum = in.numbers[0].momentum;
  for (size_t g = 0; g < in.numbers.size(); ++g)
    if (in.plan.groups[g].role == Role::matrix) momentum = in.numbers[g].momentum;
  return momentum;
}

}  // namespace

double correction_of(const StepInput& in, const ParamState& state) {
  return momentum_correction(in.plan.recipe.matrix, model_momentum(in), state.step);
}

at::Tensor& intercept_of(const Param& param) {
  auto& intercept = param.state->intercept;
  if (!intercept.defined()) intercept = zero_beside(param.value);
  return intercept;
}

at::Tensor linear_part(const StepInput& in, const MomentumMap& map, const Param& param,
                       const Products& products) {
  auto& state = *param.state;
  intercept_of(param);
  const double rho = correction_of(in, state);
  if (in.plan.recipe.momo_model == MomoModel::recursive) {
    state.intercept = state.intercept * map.keep;  // + take * (<g, w> - <g, w>)
    return state.intercept * (map.carry / rho);
  }
  const auto& product = products.gradient;
  state.intercept = state.intercept * map.keep + product * map.take;
  return (products.look - (state.intercept * map.carry + product * map.look)) / rho;
}

at::Tensor product_with_momentum(const Param& param) {
  return flat_product(param.state->momentum_buffer, param.value);
}

at::Tensor frozen_part(const StepInput& in, const Param& param, const at::Tensor& product) {
  const auto& state = *param.state;
  auto mean = in.plan.recipe.matrix;
  mean.nesterov = false;  // m itself, without a gradient to look ahead with
  const double rho = momentum_correction(mean, model_momentum(in), state.step);
  if (in.plan.recipe.momo_model == MomoModel::recursive) return state.intercept / rho;
  return (product - state.intercept) / rho;
}

Size momo_size(const StepSizeInput& input, GlobalState& global) {
  const auto& recipe = input.in.plan.recipe;
  const auto loss = input.loss.detach().to(input.dual.options()).reshape({});
  start_momo(global, loss, recipe.f_star);
  const auto map = momentum_map(recipe.matrix, model_momentum(input.in), global.step == 0);
  const auto mean = [&](at::Tensor& average, const at::Tensor& x) {
    average = average * map.keep + x * map.take;
    return average * map.carry + x * map.look;
  };
  auto model = mean(global.loss_average, loss);
  auto rho = mean(global.weight, at::ones_like(loss));
  if (recipe.matrix.start == MomentumStart::corrected) {
    model = model / rho;
    rho = at::ones_like(rho);
  }
  model = model + input.linear.here.to(model.device());
  const double floor = recipe.f_star;
  if (recipe.f_star_rule == FStarRule::momo_star) lower_f_star(global.f_star, model, rho, floor);
  auto gap = model - rho * global.f_star;
  if (recipe.f_star_rule == FStarRule::level) {
    gap = level_gap(input, model - rho * floor, global.auto_rate);
    global.f_star = (model - gap) / rho;
  }

  const bool regularized = recipe.update == UpdateForm::regularized;
  // What a full step takes of the model; at D's own scale, as D^2 may be beyond float64.
  const auto scale = regularized ? power_of_two(input.dual) : at::ones_like(input.dual);
  const auto unit = input.dual / scale;
  const auto decrease = regularized ? unit.square() : unit;
  const auto most = recipe.lr_auto ? auto_length(input, gap, global.auto_rate) : at::ones_like(gap);
  const auto q = at::where(input.dual == 0, most,
                           at::minimum(gap.clamp_min(0) / scale / decrease / scale, most));
  if (has_auto_numbers(recipe)) keep_found_rate(q, global.auto_rate);
  if (recipe.f_star_rule == FStarRule::momo_star)
    set_f_star_after_step(global.f_star, model, rho, q * decrease * scale * scale, floor);
  return {q, gap};
}

}  // namespace steepest::engine
