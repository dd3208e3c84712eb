// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/check.h"

#include "steepest/engine/finite.h"

#include <ATen/ATen.h>

#include <cmath>

namespace steepest {
namespace {

void check_rate(const std::string& option, double value) {
  TORCH_CHECK_VALUE(std::isfinite(value) && value >= 0, option, ": received ", print_number(value),
                    ", allowed a finite number from 0 up");
}

void check_grad(const PlannedParam& planned, const Param& param) {
  const auto& g = param.grad;
  TORCH_CHECK_VALUE(g.layout() == at::kStrided, planned.name, ": gradient: received ", g.layout(),
                    ", allowed a dense tensor");
  for (const auto& [what, dtype] :
       {std::pair{"gradient", g.scalar_type()}, {"parameter", param.value.scalar_type()}}) {
    TORCH_CHECK_VALUE(is_computable(dtype), planned.name, ": ", what, ": received ", dtype,
                      ", allowed float64, float32, bfloat16, float16");
  }
  TORCH_CHECK_VALUE(g.sizes() == param.value.sizes(), planned.name, ": gradient: received shape ",
                    g.sizes(), ", allowed the parameter's ", param.value.sizes());
}

}  // namespace

void check_step(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates,
                const at::Tensor& loss) {
  for (const auto& [lr, weight_decay] : rates) {
    check_rate("lr", lr);
    check_rate("weight_decay", weight_decay);
  }
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].grad.defined()) check_grad(plan.params[i], params[i]);
  }
  if (plan.recipe.step_size == StepSize::fixed) return;
  TORCH_CHECK_VALUE(loss.defined(), plan.recipe.name,
                    ": step_size momo: received no loss, allowed one by observe(loss), by "
                    "step(loss) or by a closure");
  TORCH_CHECK_VALUE(loss.numel() == 1, plan.recipe.name, ": loss: received shape ", loss.sizes(),
                    ", allowed one number");
}

std::vector<double> largest_gradients(const std::vector<Param>& params) {
  std::vector<at::Tensor> grads;
  for (const auto& param : params) grads.push_back(param.grad);
  return largest_magnitudes(grads);
}

std::vector<std::string> find_nonfinite(const Plan& plan, const std::vector<double>& largest,
                                        const at::Tensor& loss) {
  std::vector<std::string> names;
  for (size_t i = 0; i < largest.size(); ++i) {
    if (!std::isfinite(largest[i])) names.push_back(plan.params[i].name);
  }
  if (loss.defined() && !std::isfinite(largest_magnitudes({loss})[0])) names.push_back("loss");
  return names;
}

}  // namespace steepest
