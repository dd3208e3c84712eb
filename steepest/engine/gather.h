// SPDX-License-Identifier: Apache-2.0
// The first stage of a step: gradients go into momenta and second moments, bucket by bucket, and
// out comes what the bucket's norm is to see. Buckets share nothing that is written: any number of
// them may be gathered at the same time.
#pragma once

#include "steepest/engine/bucket.h"

namespace steepest {

// Before the first bucket: makes missing state, counts the step. Of a parameter with a gradient.
void begin_step(const StepInput& in);

// Where u lies: in memory of its own; or, up to 64 MB, in this thread's scratch, until it gathers
// the next one.
enum class Room { own, scratch };

// u [batch, r, c], in the momentum's dtype; it may share memory with a gradient or a momentum.
// Call it once a step ...
at::Tensor gather(const StepInput& in, const Bucket& bucket, Room room);
// ... and this for the same bits again: from the momenta as they are now and the gradients.
at::Tensor gather_again(const StepInput& in, const Bucket& bucket, Room room);

// Nothing else shares u's memory.
bool is_private(const StepInput& in, const Bucket& bucket, const at::Tensor& u);

// <u, s> of each matrix, for a u that was overwritten by its direction s: [batch] float64, the bits
// of inner_product(u, s). For buckets that can_look_again: others would need a new u.
at::Tensor look_products(const StepInput& in, const Bucket& bucket, const at::Tensor& s);
bool can_look_again(const StepInput& in, const Bucket& bucket);

// The block's piece of the gradient, with a decay that is not decoupled.
at::Tensor gradient(const StepInput& in, const Block& block);

// Momentum after the norm (Orthogonal-SGDM): the momentum of the direction s [b, r, c] itself.
at::Tensor momentum_of_direction(const StepInput& in, const Block& block, const at::Tensor& s);

}  // namespace steepest
