// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/check.h"

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
  TORCH_CHECK_VALUE(at::isFloatingType(g.scalar_type()), planned.name, ": gradient: received ",
                    g.scalar_type(), ", allowed a real floating dtype");
  TORCH_CHECK_VALUE(g.sizes() == param.value.sizes(), planned.name, ": gradient: received shape ",
                    g.sizes(), ", allowed the parameter's ", param.value.sizes());
}

// One pass without temporaries; the largest magnitude is NaN or Inf where an entry is.
bool finite(const at::Tensor& t) {
  if (t.numel() == 0) return true;
  return std::isfinite(
      at::linalg_vector_norm(t, std::numeric_limits<double>::infinity()).item<double>());
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

std::vector<std::string> find_nonfinite(const Plan& plan, const std::vector<Param>& params,
                                        const at::Tensor& loss) {
  std::vector<std::string> names;
  for (size_t i = 0; i < params.size(); ++i) {
    if (params[i].grad.defined() && !finite(params[i].grad)) names.push_back(plan.params[i].name);
  }
  if (loss.defined() && !finite(loss)) names.push_back("loss");
  return names;
}

}  // namespace steepest
