// SPDX-License-Identifier: Apache-2.0
// Stage 6 of a step, apply, and the only place that writes weights:  W <- decayed W - coefficient
// s.
#pragma once

#include "steepest/engine/bucket.h"
#include "steepest/engine/step_input.h"

namespace steepest::engine {

// What each direction of a block is multiplied by: `number` where one holds for all its matrices
// and is known on the host; else `tensor`, float64 [b] on the device, with one for each. Where
// `power` [b] is defined, that is the root of the coefficient or near it, a power of two, by which
// `tensor` has been divided: between the two factors no number leaves the range of float32.
struct Coefficient {
  double number = 0;
  at::Tensor tensor;
  at::Tensor power = {};
};
// Returns such factors of coefficients c [b] in float64.
Coefficient in_two_factors(const at::Tensor& c);

// Computes W <- decayed W - coefficient s in place on the block's piece of its parameter, for its
// directions s [b, r, c], and brings W back to its manifold, where it has one; in one pass over
// memory, decay included, where `kernels`, those of the device, have one for it.
void apply_update(const StepInput& in, const Block& block, const at::Tensor& s,
                  const Coefficient& coefficient, const Kernels& kernels);

// Whether apply_updates() serves the bucket: it lies on an accelerator, and its blocks, more than
// one, move alike: with one radius, a plain decay, and no manifold.
bool can_apply_together(const StepInput& in, const Bucket& bucket);
// Does apply_update() of all blocks of the bucket, for their directions s [B, r, c] and one
// coefficient, or one for each matrix: in a few launches, however many blocks there are.
void apply_updates(const StepInput& in, const Bucket& bucket, const at::Tensor& s,
                   const Coefficient& coefficient);

// Returns the matrices [b, r, c] of which the decay takes the share StepInput::decay() away, given
// the direction s: W itself; of a cautious one its entries with s w >= 0; of an anchored one W -
// W_0.
at::Tensor decaying_part(const StepInput& in, const Block& block, const at::Tensor& s);

}  // namespace steepest::engine
