// SPDX-License-Identifier: Apache-2.0
// The state tensors of a parameter, by torch's names: the one list that the engine, the checkpoints
// and Python read.
#pragma once

#include "steepest/engine/state.h"
#include "steepest/plan.h"

namespace steepest::engine {

// Returns the descriptions of parameter number `param`'s state tensors, in the order in which files
// and Python list them.
const std::vector<StateEntry>& state_entries(const Plan& plan, size_t param);

// Returns the dtype in which a state tensor, described by `entry`, of the plan's parameter number
// `param`, the tensor `value`, begins; initial_state() says which it is.
at::ScalarType state_dtype(const StateEntry& entry, const Plan& plan, size_t param,
                           const at::Tensor& value);

// Returns a state tensor, described by `entry`, of the plan's parameter number `param`, the tensor
// `value`, as before the first step: zeros, but for slots that start otherwise. The momentum is in
// the choices' momentum_dtype, by default the parameter's, float32 at least under Momo; slots in
// float32 at least; the rest in float64.
at::Tensor initial_state(const StateEntry& entry, const Plan& plan, size_t param,
                         const at::Tensor& value);

}  // namespace steepest::engine
