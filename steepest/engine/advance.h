// SPDX-License-Identifier: Apache-2.0
// Stage 1 of a step, advance: gradients go into momenta and into the statistics of norms, bucket by
// bucket, and out comes u, what the bucket's norm is to measure. Buckets share nothing that is
// written: any number of them may advance at the same time.
#pragma once

#include "steepest/engine/state_batch.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Before the first bucket: makes missing state, counts the step. Of parameters with a gradient.
void begin_step(const StepInput& in);

// Where u lies: in memory of its own; or, up to 64 MB, in this thread's scratch, until the next one
// is made there.
enum class Storage { own, scratch };

// u [B, r, c], in the momentum's dtype; owned unless it is a gradient or a momentum itself. Call it
// once a step ...
Batch advance(const StepInput& in, const Bucket& bucket, const BucketState& state, Storage storage);
// ... and this for the same bits again: from the momenta as they are now and the gradients.
Batch update_again(const StepInput& in, const Bucket& bucket, Storage storage);

// <u, s> of each matrix, for a u that was overwritten by its direction s: [B] float64, to the
// rounding of inner_product(u, s), whose sums may be in another order. For buckets of which
// can_recompute_update() holds: others would need a new u.
at::Tensor inner_product_with_update(const StepInput& in, const Bucket& bucket,
                                     const at::Tensor& s);
bool can_recompute_update(const StepInput& in, const Bucket& bucket);

// The block's piece of the gradient, with a decay that is not decoupled, and tangent to the weights
// where these live on a manifold.
at::Tensor gradient(const StepInput& in, const Block& block);

}  // namespace steepest::engine
