// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/entries.h"

#include <ATen/ATen.h>

#include "steepest/base/tensor.h"

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

const std::vector<StateEntry>& state_entries(const Plan& plan, size_t param) {
  return plan.layouts[param].state;
}

at::Tensor zeros_for(const StateEntry& entry, const Plan& plan, size_t param,
                     const at::Tensor& value) {
  const auto& choices = plan.groups[plan.params[param].group].choices;
  const auto options =
      value.options().requires_grad(false).dtype(dtype_of(entry, plan.recipe, choices, value));
  return entry.like_param() ? at::zeros_like(value, options) : at::zeros(entry.shape, options);
}

}  // namespace steepest
