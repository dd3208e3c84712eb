// SPDX-License-Identifier: Apache-2.0
#include "steepest/bindings/torch_lists.h"

#include <ATen/ATen.h>

#include <cmath>

#include "steepest/base/dtype.h"
#include "steepest/base/text.h"
#include "steepest/engine/auto_rate.h"
#include "steepest/engine/check.h"

namespace steepest {
namespace {

// Throws c10::ValueError unless the list named `what` of the operator `op`, `received` long, has
// the length `allowed` that the plan gives it.
void check_count(const char* op, const char* what, size_t received, size_t allowed) {
  TORCH_CHECK_VALUE(received == allowed, "steepest::", op, ": ", what, ": received ", received,
                    ", allowed ", allowed, ", as the plan says");
}

// Throws c10::ValueError where a tensor of the list `what` of the operator `op` is undefined.
void check_defined(const char* op, const char* what, at::TensorList tensors) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    TORCH_CHECK_VALUE(tensors[i].defined(), "steepest::", op, ": ", what, "[", i,
                      "]: received an undefined tensor");
  }
}

}  // namespace

void check_live(const Plan& plan, const StepLists& lists) {
  size_t next = 0;
  for (size_t i = 0; i < plan.params.size(); ++i) {
    const bool live = next < lists.live.size() && lists.live[next] == static_cast<int64_t>(i);
    if (live) ++next;
    TORCH_CHECK_VALUE(live || !lists.grads.get(i).has_value(), plan.params[i].name,
                      ": received a gradient without state, allowed with its index in live");
  }
}

void check_lists(const Plan& plan, const StepLists& lists, const char* op) {
  const auto params = static_cast<int64_t>(plan.params.size());
  check_count(op, "params", lists.params.size(), plan.params.size());
  check_count(op, "grads", lists.grads.size(), plan.params.size());
  size_t tensors = 0;
  int64_t last = -1;
  for (const auto index : lists.live) {
    TORCH_CHECK_VALUE(index > last && index < params, "steepest::", op, ": live: received ", index,
                      " after ", last, ", allowed rising indices below ", params);
    tensors += plan.layouts[index].state.size();
    last = index;
  }
  check_count(op, "steps", lists.steps.size(), lists.live.size());
  check_count(op, "state", lists.state.size(), tensors);
  check_defined(op, "params", lists.params);
  check_defined(op, "steps", lists.steps);
  check_defined(op, "state", lists.state);
}

int64_t read_step(const std::string& name, const at::Tensor& step) {
  constexpr double kMax = 9007199254740992;  // 2^53: exact in float64
  const auto dtype = step.scalar_type();
  const bool real = is_computable(dtype) || at::isIntegralType(dtype, /*includeBool=*/false);
  const bool number = real && step.numel() == 1 && step.layout() == at::kStrided && !step.is_meta();
  const double value = number ? step.item<double>() : -1;
  const bool allowed = value >= 0 && value <= kMax && value == std::floor(value);
  TORCH_CHECK_VALUE(allowed, name, ".step: received ",
                    number ? print_number(value) : cut(c10::str(step.toString(), step.sizes())),
                    ", allowed a whole number from 0 up");
  return static_cast<int64_t>(value);
}

std::vector<Rates> read_rates(const Plan& plan, at::ArrayRef<double> lr,
                              at::ArrayRef<double> weight_decay, at::ArrayRef<double> momentum) {
  if (plan.params.empty()) return {};  // nothing has a rate
  check_count("step_", "lr", lr.size(), plan.groups.size());
  check_count("step_", "weight_decay", weight_decay.size(), plan.groups.size());
  std::vector<Rates> rates;
  for (size_t g = 0; g < lr.size(); ++g) {
    rates.push_back({lr[g], weight_decay[g]});
    if (!momentum.empty()) rates.back().momentum = momentum[g];
  }
  return rates;
}

void check_momentum(const Plan& plan, at::ArrayRef<double> momentum) {
  if (plan.params.empty()) return;
  check_count("step_", "momentum", momentum.size(), plan.groups.size());
  for (size_t g = 0; g < momentum.size(); ++g) {
    const bool kept =
        plan.recipe.step_size == StepSize::momo || plan.groups[g].choices.momentum > 0;
    TORCH_CHECK_VALUE(momentum[g] >= 0 && momentum[g] < (kept ? 1 : 1e-300), "momentum: received ",
                      print_number(momentum[g]), ", allowed ",
                      kept ? "a finite number from 0 to below 1" : "0: the plan keeps no momentum");
  }
}

void check_stats(const Plan& plan, const at::Tensor& stats) {
  const int64_t numbers = 4 + plan.leaves;
  TORCH_CHECK_VALUE(stats.defined() && stats.scalar_type() == at::kDouble && stats.dim() == 1 &&
                        stats.numel() == numbers,
                    "steepest::step_: stats: received ", stats.toString(), stats.sizes(),
                    ", allowed float64 of shape [", numbers, "]");
}

void check_momo(const Plan& plan, const at::Tensor& momo_step, const at::Tensor& momo) {
  if (plan.recipe.step_size == StepSize::fixed) return;
  const int64_t size = engine::has_auto_numbers(plan.recipe) ? 3 + engine::kAutoNumbers : 3;
  TORCH_CHECK_VALUE(momo.scalar_type() == at::kDouble && momo.dim() == 1 && momo.numel() == size,
                    "steepest::step_: momo: received ", momo.toString(), momo.sizes(),
                    ", allowed float64 of shape [", size, "]");
  read_step("momo", momo_step);
}

}  // namespace steepest
