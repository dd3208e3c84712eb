// SPDX-License-Identifier: Apache-2.0
// Stage 1 of a step, advance: gradients go into momenta and into the statistics of norms, bucket by
// bucket, and out comes u, what the bucket's norm is to measure. Buckets share nothing that is
// written: any number of them may advance at the same time.
#pragma once

#include "steepest/engine/state_batch.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// Makes the momenta and slots that are missing, and counts the step, of parameters with a gradient.
// It comes before the first bucket.
void begin_step(const StepInput& in);

// Where u, what a norm is given, lies: in memory of its own; or, up to 64 MB, in this thread's
// scratch, until the next one is made there.
enum class Storage { own, scratch };

// Advances the bucket's momenta and its norm's statistics (`state`) by the gradients, once a step,
// in place. Returns u [B, r, c], what the norm is given: the momentum or its look-ahead, in the
// momentum's dtype; owned unless it is a gradient or a momentum itself.
Batch advance(const StepInput& in, const Bucket& bucket, const BucketState& state, Storage storage);
// Returns the u that advance() has returned in this step, to the bit, from the momenta as they are
// now and the gradients, and changes neither: keeping every u would take a model's memory.
Batch update_again(const StepInput& in, const Bucket& bucket, Storage storage);

// Returns <u, s> of each matrix, for a u that was overwritten by its direction s: [B] float64, to
// the rounding of inner_product(u, s), whose sums may be in another order. It is for buckets of
// which can_recompute_update() holds: others would need a new u.
at::Tensor inner_product_with_update(const StepInput& in, const Bucket& bucket,
                                     const at::Tensor& s);
// Whether a kernel can compute <u, s> from gradients and momenta, without u in memory.
bool can_recompute_update(const StepInput& in, const Bucket& bucket);

// Returns the block's piece of the gradient: plus wd W where the decay is not decoupled, and
// projected onto the tangent space where the weights live on a manifold.
at::Tensor gradient(const StepInput& in, const Block& block);

}  // namespace steepest::engine
