// SPDX-License-Identifier: Apache-2.0
// The state tensors of a parameter, by torch's names: the one list that the engine, the checkpoints
// and Python read.
#pragma once

#include "steepest/engine/state.h"

namespace steepest {

const std::vector<StateEntry>& state_entries(const Plan& plan, size_t param);

// Zeros for the parameter `value`: the momentum in the choices' momentum_dtype, by default the
// parameter's, float32 at least under Momo; second moments in float32 at least; the rest float64.
at::Tensor zeros_for(const StateEntry& entry, const Plan& plan, size_t param,
                     const at::Tensor& value);

}  // namespace steepest
