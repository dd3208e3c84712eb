// SPDX-License-Identifier: Apache-2.0
// Stale duals: those that the last step left in the state, one a matrix of a parameter.
#pragma once

#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Whether this step's dual of the block is kept for the next one.
bool stores_dual(const StepInput& in, const Block& block);

// Whether the last step has left duals of the block.
bool has_stored_dual(const StepInput& in, const Block& block);

// Returns the duals that the last step has left of the block's matrices: [batch] float64, a view of
// the state. It may be called where has_stored_dual(), or after make_stored_duals().
at::Tensor stored_dual(const StepInput& in, const Block& block);

// Makes the tensors that are missing in the state of parameters with a gradient, before the first
// dual is stored.
void make_stored_duals(const StepInput& in);

}  // namespace steepest::engine
