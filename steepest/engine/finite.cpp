// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/finite.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "steepest/base/tensor.h"
#include "steepest/recipe_rules.h"

namespace steepest::engine {
namespace {

// Returns half the distance of the two largest numbers of a dtype, 2^103 of float32: less than
// that, added to any finite number, is never rounded to infinity. For float64 it is far less, as
// products of its numbers are summed in it.
double harmless_addend(at::ScalarType dtype) {
  switch (dtype) {
    case at::kFloat:
      return 0x1p103;
    case at::kBFloat16:
      return 0x1p119;
    case at::kHalf:
      return 16;
    default:
      return 0x1p400;
  }
}

// What is known of the numbers of a step, group by group and parameter by parameter.
class Bounds {
 public:
  // Prepares bounds on all numbers of the step `in`; `largest` has the largest magnitude of each
  // parameter's gradient, 0 where there is none. Keeps a reference to `in`.
  Bounds(const StepInput& in, const std::vector<double>& largest) : in_(in), gradient_(largest) {}

  // Returns true where bounds show that nothing that the step computes can leave the range of its
  // dtype; false where they do not show it, though the step may still be finite. It may be called
  // once, as it widens the bounds on its way.
  bool show_finite_step() {
    if (in_.plan.recipe.lr_auto) return false;  // the rate is not known beforehand
    add_coupled_decay();
    for (size_t i = 0; i < in_.params.size(); ++i)
      if (moves(i) && !state_holds(i)) return false;
    bound_momenta();
    const double sum = bound_of_dual_sum();
    return std::ranges::all_of(in_.plan.blocks, [&](const Block& block) {
      return !moves(block.param) || update_holds(block, sum);
    });
  }

 private:
  // Whether the step changes parameter number i: it has a gradient.
  bool moves(size_t i) const { return in_.params[i].grad.defined(); }
  // Whether updates grow with the dual norm of the whole network.
  bool regularized() const { return in_.plan.recipe.update == UpdateForm::regularized; }
  // Returns the choices of the group of parameter number i.
  const Choices& choices(size_t i) const {
    return in_.plan.groups[in_.plan.params[i].group].choices;
  }
  // Returns the norm and the transforms of the group of parameter number i.
  const GroupRules& rules(size_t i) const { return in_.plan.rules[in_.plan.params[i].group]; }
  // Returns the weight decay of parameter number i at this step, 0 where it has none.
  double weight_decay(size_t i) const { return in_.numbers_of_param(i).weight_decay; }
  // Whether the update of parameter number i grows with u, what the norm is given, or depends on a
  // norm's or a transform's state: then a bound on the gradient alone does not bound it.
  bool proportional(size_t i) const {
    const auto& plan = in_.plan;
    const bool sharp = plan.needs == Needs::sharp || (plan.needs == Needs::duals && regularized());
    return sharp || rules(i).traits.adaptive || !rules(i).transforms.empty();
  }

  // Adds wd max|w| to the bounds gradient_ of the parameters whose decay is coupled: their gradient
  // becomes g + wd w.
  void add_coupled_decay() {
    std::vector<at::Tensor> values;
    std::vector<size_t> indices;
    for (size_t i = 0; i < in_.params.size(); ++i) {
      if (!moves(i) || choices(i).decoupled || weight_decay(i) == 0) continue;
      values.push_back(in_.params[i].value), indices.push_back(i);
    }
    const auto found = largest_magnitudes(values);
    for (size_t k = 0; k < indices.size(); ++k)
      gradient_[indices[k]] += found[k] * weight_decay(indices[k]);
  }

  // Whether the state of parameter number i stays finite. A momentum is a weighted sum, with
  // weights of at most 1, of itself and the gradient; a second moment one of itself and g^2: so the
  // gradient (g^2) is compared with what may be added to any finite number of the state's dtype.
  bool state_holds(size_t i) const {
    const auto& param = in_.params[i];
    const auto& c = choices(i);
    const auto& m = param.state->momentum_buffer;
    const double g = gradient_[i];
    const auto dtype = c.momentum_dtype.value_or(param.value.scalar_type());
    const double most = harmless_addend(m.defined() ? m.scalar_type() : dtype);
    const bool adaptive = rules(i).traits.adaptive;
    const bool wide = param.value.scalar_type() == at::kDouble;
    const bool coupled = !c.decoupled && weight_decay(i) != 0;
    return g < most && (!coupled || g < harmless_addend(param.grad.scalar_type())) &&
           (!adaptive || g * g < harmless_addend(wide ? at::kDouble : at::kFloat));
  }

  // Fills momentum_ with bounds on the entries of u, what each norm is given, before its bias
  // correction: 2 (max|g| + max|m|), where m is looked at only if the update depends on it.
  void bound_momenta() {
    std::vector<at::Tensor> momenta;
    std::vector<size_t> indices;
    momentum_ = gradient_;
    for (size_t i = 0; i < in_.params.size(); ++i) {
      const auto& m = in_.params[i].state->momentum_buffer;
      if (!moves(i) || !proportional(i) || !m.defined()) continue;
      momenta.push_back(m), indices.push_back(i);
    }
    const auto found = largest_magnitudes(momenta);
    for (size_t k = 0; k < indices.size(); ++k) momentum_[indices[k]] += found[k];
    for (size_t i = 0; i < in_.params.size(); ++i) {
      if (!moves(i)) continue;
      momentum_[i] *= 2;  // Nesterov's look ahead, and what is rounded
    }
  }

  // Returns a bound on D, the dual norm of the whole network, where an update is multiplied by it;
  // else 0. Whatever the outer norm is, D is at most the sum over the blocks of their dual norms,
  // each times the block's effective radius.
  double bound_of_dual_sum() const {
    double sum = 0;
    if (in_.plan.needs != Needs::duals || !regularized()) return sum;
    for (const auto& block : in_.plan.blocks)
      if (moves(block.param)) sum += bound_of_dual(block);
    return sum;
  }

  // Whether the block's weights surely stay finite: true where bounds show it. `sum` is a bound on
  // D, the dual norm of the whole network: see bound_of_dual_sum().
  bool update_holds(const Block& block, double sum) const {
    if (in_.plan.rules_of(block).geometry) return false;  // which may do anything to the step
    // |1 - decay| <= 1; and an anchored decay has a mean of W and W_0.
    const bool anchored = is_anchored(in_.choices(block).decay);
    const bool shrinks = in_.decay(block) <= (anchored ? 1 : 2);
    const auto dtype = in_.param(block).value.scalar_type();
    // A direction's entries must fit its dtype: 65504 is the largest number of float16.
    const double most = dtype == at::kHalf ? 65504 : std::numeric_limits<float>::max();
    return shrinks && bound_of_entry(block) < most &&
           bound_of_update(block, sum) < harmless_addend(dtype);
  }

  // Returns the bias correction rho of this step, by which u is divided: momentum_correction() at
  // the state's step count plus 1, as this step is not counted yet.
  double correction(const Block& block) const {
    return momentum_correction(in_.choices(block), in_.numbers_of(block).momentum,
                               in_.param(block).state->step + 1);
  }

  // Returns a bound on the entries of the block's direction s after its transforms, divided by
  // rho^degree as the step divides it, for the bias correction rho and a norm with s(t u) =
  // t^degree s(u). Those of an adaptive norm are m / (sqrt(v) + eps), at most |m| / eps, or a
  // rotation of them, at most their sum; one of degree 0 divides by their norm, or has a bound of
  // its own.
  double bound_of_entry(const Block& block) const {
    const auto& rules = in_.plan.rules_of(block);
    const auto& traits = rules.traits;
    const double u = momentum_[block.param], eps = in_.choices(block).eps;
    const double mixed = traits.elementwise ? 1 : static_cast<double>(block.rows * block.cols);
    double s = traits.largest_entry;
    if (traits.adaptive) s = std::max(s, traits.degree == 1 ? mixed * u / eps : 1 / std::sqrt(eps));
    for (const auto& transform : rules.transforms)
      s = transform->largest_entry(s, u, block.rows, block.cols);
    return s / std::pow(correction(block), traits.degree);
  }
  // Returns a bound on the dual norm <u, s> summed over the block's matrices, for u, what the norm
  // is given, and its direction s, bias-corrected, but before the factor of the effective radius.
  double bound_of_raw_dual(const Block& block) const {
    const auto entries = static_cast<double>(block.batch * block.rows * block.cols);
    return entries * momentum_[block.param] * bound_of_entry(block) / correction(block);
  }
  // Returns the effective radius R_l of the block: lr r of a constrained step, sqrt(lr) r of a
  // regularized one, for the radius r that the recipe's rule gives the block.
  double radius(const Block& block) const {
    const double lr = in_.numbers_of(block).lr;
    return (regularized() ? std::sqrt(lr) : lr) * block.radius;
  }
  // Returns a bound on the block's dual norm times its effective radius R_l, be it this step's or
  // the one that the last step has stored.
  double bound_of_dual(const Block& block) const {
    const auto& stored = in_.param(block).state->dual;
    double dual = bound_of_raw_dual(block);
    if (stored.defined() && stored.numel() > 0)
      dual = std::max(dual, stored.abs().sum().item<double>());
    return radius(block) * dual;
  }

  // Returns a bound on the entries of what the step takes from the block's weights: the effective
  // radius times the direction's, and in a regularized step times the network's dual norm D, of
  // which `sum` is a bound (bound_of_dual_sum()).
  double bound_of_update(const Block& block, double sum) const {
    const double r = radius(block), entry = bound_of_entry(block);
    if (in_.plan.needs == Needs::sharp) {
      const double eps = in_.choices(block).eps, rho = correction(block);
      const auto& traits = in_.plan.rules_of(block).traits;
      if (traits.adaptive && traits.degree == 0 && traits.elementwise)  // m / a, without a dual
        return r * r * momentum_[block.param] / eps / rho;
      return r * r * entry * bound_of_raw_dual(block);
    }
    if (in_.plan.needs == Needs::duals && regularized()) return r * entry * sum;
    return r * entry;
  }

  const StepInput& in_;
  std::vector<double> gradient_, momentum_;  // of each parameter
};

// Lists the tensors of a parameter that a step may write: its weights and the state that is made.
std::vector<at::Tensor> weights_and_state(const Param& param) {
  const auto& s = *param.state;
  std::vector<at::Tensor> all = {param.value, s.momentum_buffer, s.intercept, s.dual};
  all.insert(all.end(), s.slots.begin(), s.slots.end());
  std::erase_if(all, [](const at::Tensor& t) { return !t.defined(); });
  return all;
}

}  // namespace

bool surely_finite(const StepInput& in, const std::vector<double>& largest) {
  return Bounds(in, largest).show_finite_step();
}

// Keeps the state itself too, as a step may replace its tensors, beside copies of what is in them.
Saved::Saved(const StepInput& in, GlobalState& global) : in_(in), global_(global), before_(global) {
  for (size_t i = 0; i < in.params.size(); ++i) {
    const auto& param = in.params[i];
    if (!param.grad.defined()) continue;
    KeptParam kept{i, *param.state, {}};
    for (const auto& t : weights_and_state(param)) kept.tensors.push_back({t, t.clone()});
    params_.push_back(std::move(kept));
  }
}

std::vector<std::string> Saved::nonfinite() const {
  std::vector<std::string> names;
  for (const auto& kept : params_) {
    const auto largest = largest_magnitudes(weights_and_state(in_.params[kept.index]));
    if (!std::all_of(largest.begin(), largest.end(), [](double x) { return std::isfinite(x); }))
      names.push_back(in_.plan.params[kept.index].name);
  }
  const auto& average = global_.loss_average;
  if (average.defined() && !std::isfinite(average.item<double>())) names.push_back("loss");
  return names;
}

void Saved::restore() const {
  for (const auto& kept : params_) {
    for (const auto& [tensor, copy] : kept.tensors) at::Tensor(tensor).copy_(copy);
    *in_.params[kept.index].state = kept.state;
  }
  global_ = before_;
}

}  // namespace steepest::engine
