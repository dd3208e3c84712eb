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
// in place. Returns u [B, r, c], what the norm is given: the momentum, its look-ahead (in the
// momentum's dtype) or the gradient. It is `owned`, so that the caller may overwrite it, unless it
// shares the memory of a gradient or a momentum. `storage` says where memory is taken for it: new,
// or this thread's scratch, which the next bucket's u overwrites.
Batch advance(const StepInput& in, const Bucket& bucket, const BucketState& state, Storage storage);
// Does the momenta's half of advance(), and returns the same.
Batch advance_momenta(const StepInput& in, const Bucket& bucket, Storage storage);
// Does the other half, the statistics' of an adaptive norm (none else has any), for the gradients
// of the bucket's blocks, of their pieces' shapes, and u as advance() returns it.
void observe(const StepInput& in, const Bucket& bucket, const std::vector<at::Tensor>& gradients,
             const at::Tensor& u, const BucketState& state);
// Returns the dtype of the block's u: the momentum's, or, where the norm is given the gradient,
// that of the gradient.
at::ScalarType dtype_of_update(const StepInput& in, const Block& block);
// Returns the u [B, r, c] that advance() has returned in this step, to the bit, from the momenta as
// they are now and the gradients, and changes neither: keeping every u would take a model's memory.
// `storage` and `owned` are as of advance().
Batch update_again(const StepInput& in, const Bucket& bucket, Storage storage);

// Returns <u, s> of each matrix, for a u that was overwritten by its direction s: [B] float64, to
// the rounding of inner_product(u, s), whose sums may be in another order. It is for buckets of
// which can_recompute_update() holds: others would need a new u.
at::Tensor inner_product_with_update(const StepInput& in, const Bucket& bucket,
                                     const at::Tensor& s);
// Whether the device's kernel can compute the inner products <u, s> of u, what the bucket's norm is
// given, and a direction s from the gradients and momenta, without u in memory: then the direction
// may overwrite u.
bool can_recompute_update(const StepInput& in, const Bucket& bucket);

// Returns the block's piece of the gradient as the momentum takes it: plus wd W, the weight decay
// times the weights, where the decay is not decoupled, and projected onto the tangent space where
// the weights live on a manifold.
at::Tensor gradient(const StepInput& in, const Block& block);

}  // namespace steepest::engine
