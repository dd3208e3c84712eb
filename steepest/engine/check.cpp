// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/check.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "steepest/base/dtype.h"
#include "steepest/base/tensor.h"
#include "steepest/base/text.h"
#include "steepest/engine/entries.h"
#include "steepest/engine/finite.h"
#include "steepest/options/validate.h"

namespace steepest::engine {
namespace {

// Throws c10::ValueError unless the value of the option is finite and from 0 up.
void check_rate(const std::string& option, double value) {
  TORCH_CHECK_VALUE(std::isfinite(value) && value >= 0, option, ": received ", print_number(value),
                    ", allowed a finite number from 0 up");
}

// Throws c10::ValueError unless t is dense and of a dtype that the library computes with. The
// message begins with the parameter's name and `what`: "" of its value, "gradient: " of its
// gradient.
void check_layout_and_dtype(const std::string& name, const char* what, const at::Tensor& t) {
  TORCH_CHECK_VALUE(t.layout() == at::kStrided, name, ": ", what, "received ", t.layout(),
                    ", allowed a dense tensor");
  TORCH_CHECK_VALUE(is_computable(t.scalar_type()), name, ": ", what, "received ", t.scalar_type(),
                    ", allowed ", kComputable);
}

// Throws c10::ValueError unless the parameter's tensor is dense, of a dtype that the library
// computes with, and of the planned shape.
void check_value(const PlannedParam& planned, const at::Tensor& value) {
  TORCH_CHECK_VALUE(value.defined(), planned.name, ": received an undefined tensor");
  check_layout_and_dtype(planned.name, "", value);
  TORCH_CHECK_VALUE(value.sizes() == planned.shape, planned.name, ": received shape ",
                    value.sizes(), ", allowed the plan's ", at::IntArrayRef(planned.shape));
}

// Throws c10::ValueError unless the parameter's gradient is dense, of a dtype that the library
// computes with, and of the parameter's shape and device.
void check_grad(const PlannedParam& planned, const Param& param) {
  const auto& g = param.grad;
  check_layout_and_dtype(planned.name, "gradient: ", g);
  TORCH_CHECK_VALUE(g.sizes() == param.value.sizes(), planned.name, ": gradient: received shape ",
                    g.sizes(), ", allowed the parameter's ", param.value.sizes());
  TORCH_CHECK_VALUE(g.device() == param.value.device(), planned.name, ": gradient: received ",
                    g.device(), ", allowed the parameter's ", param.value.device());
}

// Throws c10::ValueError unless the state tensor t has the shape that its entry plans, a dtype that
// the library computes with, and the device of `value`, the parameter of this name. A 0-dim one may
// be on the CPU, where operators take it beside any device's; an undefined one is made by the step.
void check_entry(const std::string& name, const StateEntry& entry, const at::Tensor& t,
                 const at::Tensor& value) {
  if (!t.defined()) return;
  TORCH_CHECK_VALUE(is_computable(t.scalar_type()) && t.layout() == at::kStrided, name, ".",
                    entry.key, ": received ", t.scalar_type(), ", allowed a dense tensor of ",
                    kComputable);
  TORCH_CHECK_VALUE(t.sizes() == entry.shape, name, ".", entry.key, ": received shape ", t.sizes(),
                    ", allowed ", at::IntArrayRef(entry.shape),
                    ": the state of a parameter whose shape has changed must be dropped");
  const bool anywhere = t.dim() == 0 && t.is_cpu();
  TORCH_CHECK_VALUE(anywhere || t.device() == value.device(), name, ".", entry.key, ": received ",
                    t.device(), ", allowed the parameter's ", value.device());
}

}  // namespace

void check_param(const Plan& plan, size_t index, const Param& param) {
  const auto& planned = plan.params[index];
  check_value(planned, param.value);
  if (param.grad.defined()) check_grad(planned, param);
  for (const auto& entry : state_entries(plan, index)) {
    check_entry(planned.name, entry, entry.of(*param.state), param.value);
  }
}

bool has_gradients(const std::vector<Param>& params) {
  return std::any_of(params.begin(), params.end(),
                     [](const Param& param) { return param.grad.defined(); });
}

void check_rates(const Plan& plan, const std::vector<Rates>& rates) {
  for (size_t g = 0; g < rates.size(); ++g) {
    check_rate("lr", rates[g].lr);
    check_rate("weight_decay", rates[g].weight_decay);
    if (g >= plan.groups.size()) continue;  // a group without parameters
    validate_weight_decay(plan.recipe, plan.groups[g].choices, rates[g].weight_decay);
  }
}

void check_step(const Plan& plan, const std::vector<Param>& params, const std::vector<Rates>& rates,
                const at::Tensor& loss) {
  check_rates(plan, rates);
  for (size_t i = 0; i < params.size(); ++i) {
    if (!params[i].grad.defined() && params[i].state->step == 0) continue;
    check_param(plan, i, params[i]);
    TORCH_CHECK_VALUE(!params[i].value.is_meta(), plan.params[i].name,
                      ": received a meta tensor, allowed one with memory");
  }
  if (plan.recipe.step_size == StepSize::fixed) return;
  TORCH_CHECK_VALUE(loss.defined(), plan.recipe.name,
                    ": step_size momo: received no loss, allowed one by observe(loss), by "
                    "step(loss) or by a closure");
  TORCH_CHECK_VALUE(loss.numel() == 1, plan.recipe.name, ": loss: received shape ", loss.sizes(),
                    ", allowed one number");
  TORCH_CHECK_VALUE(!loss.is_complex(), plan.recipe.name, ": loss: received ", loss.scalar_type(),
                    ", allowed a real number");
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

}  // namespace steepest::engine
