// SPDX-License-Identifier: Apache-2.0
// Stale duals: those that the last step left in the state, one a matrix of a parameter.
#pragma once

#include "steepest/engine/bucket.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Whether this step's dual norms of the block's matrices are kept in its state for the next step:
// those of matrices, in a recipe with duals = stale.
bool stores_dual(const StepInput& in, const Block& block);

// Whether the last step has left dual norms of the block's matrices in its state. This step then
// takes them for its own: it knows the network's dual norm before it computes any direction.
bool has_stored_dual(const StepInput& in, const Block& block);

// Returns the duals that the last step has left of the block's matrices: [batch] float64, a view of
// the state. It may be called where has_stored_dual(), or after make_stored_duals().
at::Tensor stored_dual(const StepInput& in, const Block& block);

// Keeps duals [B] of the bucket's matrices for the next step, of the blocks that store theirs.
void store_duals(const StepInput& in, const Bucket& bucket, const at::Tensor& duals);

// Makes the duals, as zeros, in the state of the parameters that have a gradient and are to store
// some but have none yet; before any bucket stores its own.
void make_stored_duals(const StepInput& in);

}  // namespace steepest::engine
