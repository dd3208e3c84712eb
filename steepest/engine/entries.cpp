// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/entries.h"

#include <ATen/ATen.h>

namespace steepest {
namespace {

at::ScalarType wide(const at::Tensor& value) { return widened(value.new_empty({0})).scalar_type(); }

at::ScalarType dtype_of(const StateEntry& entry, const Recipe& recipe, const Choices& choices,
                        const at::Tensor& value) {
  switch (entry.kind) {
    case EntryKind::momentum:
      if (choices.momentum_dtype) return *choices.momentum_dtype;
      // Momo's model is the difference of two numbers near the loss: half precision would drown it.
      return recipe.step_size == StepSize::momo ? wide(value) : value.scalar_type();
    case EntryKind::basis:
      return wide(value);
    case EntryKind::slot:  // g^2 leaves the range of float16, (1 - beta2) g^2 bfloat16's precision
      return wide(value);
    default:
      return at::kDouble;
  }
}

int64_t leaves_of(const Plan& plan, size_t param) {
  int64_t leaves = 0;
  for (const auto& block : plan.blocks) {
    leaves += block.param == static_cast<int64_t>(param) ? block.batch : 0;
  }
  return leaves;
}

}  // namespace

at::Tensor& StateEntry::of(ParamState& state) const {
  switch (kind) {
    case EntryKind::momentum:
      return state.momentum_buffer;
    case EntryKind::slot:
      if (state.slots.size() <= slot) state.slots.resize(slot + 1);
      return state.slots[slot];
    case EntryKind::intercept:
      return state.intercept;
    case EntryKind::basis:
      return state.basis;
    case EntryKind::dual:
      break;
  }
  return state.dual;
}

std::vector<StateEntry> state_entries(const Plan& plan, size_t param) {
  const auto& planned = plan.params[param];
  const auto& group = plan.groups[planned.group];
  const auto slots = plan.norms[planned.group]->slots();
  const bool momo = plan.recipe.step_size == StepSize::momo;
  std::vector<StateEntry> entries;
  // torch names an adaptive norm's momentum exp_avg, every other momentum_buffer.
  if (momo || group.choices.momentum > 0) {
    const auto* key = slots.empty() ? "momentum_buffer" : "exp_avg";
    entries.push_back({key, EntryKind::momentum, 0, planned.shape});
  }
  for (size_t i = 0; i < slots.size(); ++i) {
    entries.push_back({slots[i], EntryKind::slot, i, planned.shape});
  }
  if (momo) entries.push_back({"intercept", EntryKind::intercept, 0, {}});
  if (plan.recipe.duals == Duals::stale && group.role == Role::matrix) {
    entries.push_back({"dual", EntryKind::dual, 0, {leaves_of(plan, param)}});
  }
  int64_t numbers = 0;
  for (const auto& block : plan.blocks) {
    if (block.param != static_cast<int64_t>(param)) continue;
    numbers +=
        block.batch * block.cols * plan.norms[block.group]->warm_columns(block.rows, block.cols);
  }
  if (numbers > 0) entries.push_back({"right_basis", EntryKind::basis, 0, {numbers}});
  return entries;
}

at::Tensor zeros_for(const StateEntry& entry, const Plan& plan, size_t param,
                     const at::Tensor& value) {
  const auto& choices = plan.groups[plan.params[param].group].choices;
  const auto options =
      value.options().requires_grad(false).dtype(dtype_of(entry, plan.recipe, choices, value));
  return entry.like_param() ? at::zeros_like(value, options) : at::zeros(entry.shape, options);
}

}  // namespace steepest
