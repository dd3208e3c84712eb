// SPDX-License-Identifier: Apache-2.0
// The state tensors of a parameter, by torch's names: the one list that the engine, the checkpoints
// and Python read.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

enum class EntryKind { momentum, slot, intercept, dual, basis };

struct StateEntry {
  std::string key;  // momentum_buffer or exp_avg; the norm's slots; intercept; dual; right_basis
  EntryKind kind = EntryKind::momentum;
  size_t slot = 0;
  std::vector<int64_t> shape;

  // Of the parameter's shape (and strides), while the others are Momo's and the stale duals'.
  bool like_param() const { return kind == EntryKind::momentum || kind == EntryKind::slot; }
  at::Tensor& of(ParamState& state) const;
};

std::vector<StateEntry> state_entries(const Plan& plan, size_t param);

// Zeros for the parameter `value`: the momentum in the choices' momentum_dtype, by default the
// parameter's, float32 at least under Momo; second moments in float32 at least; the rest float64.
at::Tensor zeros_for(const StateEntry& entry, const Plan& plan, size_t param,
                     const at::Tensor& value);

}  // namespace steepest
