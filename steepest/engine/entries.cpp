// SPDX-License-Identifier: Apache-2.0
#include "steepest/engine/entries.h"

#include <ATen/ATen.h>

#include "steepest/base/dtype.h"
#include "steepest/distributed/sharing.h"
#include "steepest/transforms/transform.h"

namespace steepest {

// Whether the state tensor has the parameter's own shape: the momentum, and slots with one number
// for each entry. All others hold their matrices' numbers one after another, flat.
bool StateEntry::like_param() const {
  return kind == EntryKind::momentum || (kind == EntryKind::slot && slot.like_param());
}

// Returns the tensor of the state that this entry describes, as a reference, so that it can be set
// too: undefined where it is not made yet. The state's list of slots grows up to it.
at::Tensor& StateEntry::of(ParamState& state) const {
  switch (kind) {
    case EntryKind::momentum:
      return state.momentum_buffer;
    case EntryKind::slot:
      if (state.slots.size() <= index) state.slots.resize(index + 1);
      return state.slots[index];
    case EntryKind::intercept:
      return state.intercept;
    case EntryKind::dual:
      break;
  }
  return state.dual;
}

namespace engine {
namespace {

// Fills `flat`, the tensor of slot number `index` in the state of the plan's parameter number
// `param`, with identity matrices, one for each of its weight matrices: the start of a statistic
// that is a square matrix for each. They lie in it one after another, block by block.
void fill_identities(const at::Tensor& flat, const Plan& own, size_t param, size_t index) {
  const auto& plan = own.sharing ? own.sharing->whole : own;  // a flat tensor is never sharded
  for (const size_t b : plan.layouts[param].blocks) {
    const auto& block = plan.blocks[b];
    const auto fill = [&](const std::vector<BlockSlot>& slots) {
      for (const auto& own : slots)
        if (own.index == index)
          own.of(flat, block).copy_(at::eye(own.slot.sizes(block.rows, block.cols)[0]));
    };
    fill(plan.block_layouts[b].norm);
    for (const auto& slots : plan.block_layouts[b].transforms) fill(slots);
  }
}

}  // namespace

const std::vector<StateEntry>& state_entries(const Plan& plan, size_t param) {
  return plan.layouts[param].state;
}

at::ScalarType state_dtype(const StateEntry& entry, const Plan& plan, size_t param,
                           const at::Tensor& value) {
  const auto& choices = plan.groups[plan.params[param].group].choices;
  const auto own = value.scalar_type();
  switch (entry.kind) {
    case EntryKind::momentum:
      if (choices.momentum_dtype) return *choices.momentum_dtype;
      // Momo's model is the difference of two numbers near the loss: half precision would drown it.
      return plan.recipe.step_size == StepSize::momo ? at_least_float32(own) : own;
    case EntryKind::slot:  // g^2 leaves the range of float16, (1 - beta2) g^2 bfloat16's precision
      return at_least_float32(own);
    default:
      return at::kDouble;
  }
}

at::Tensor initial_state(const StateEntry& entry, const Plan& plan, size_t param,
                         const at::Tensor& value) {
  const auto dtype = state_dtype(entry, plan, param, value);
  const auto options = value.options().requires_grad(false).dtype(dtype);
  if (entry.slot.start == Slot::Start::weight) return value.detach().to(options, false, true);
  const auto zeros =
      entry.like_param() ? at::zeros_like(value, options) : at::zeros(entry.shape, options);
  if (entry.slot.start == Slot::Start::identity) fill_identities(zeros, plan, param, entry.index);
  return zeros;
}

}  // namespace engine
}  // namespace steepest
